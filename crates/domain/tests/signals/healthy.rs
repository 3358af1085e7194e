//! Whole installations that went well, and of which nothing must be said at any time.

use crate::story::stories;

stories! {
    ubuntu_with_the_repeats_of_curtin: "autoinstall" "
        0:00:40  pxe_boot
        0:01:10  installer_image done
        0:02:05  get_autoinstall done
        0:02:40  pre init
        0:02:41  pre done
        0:02:45  storage init 'configuring storage'
        0:02:46  storage init x13/2s 'curtin command block-meta'
        0:03:14  storage done
        0:03:15  image_write init 'writing install sources to disk'
        0:03:16  image_write init x4/1s 'curtin command extract'
        0:05:20  => nothing
        0:05:30  image_write done
        0:05:31  bootloader init x40/3s 'curtin command curthooks'
        0:07:31  bootloader done
        0:07:32  packages init x6/10s
        0:08:40  packages done
        0:08:41  updates init 'unattended-upgrade'
        0:38:00  => nothing
        0:38:10  updates done
        0:38:11  post init
        0:38:40  post done
        0:38:41  built
        0:38:45  reboot
        0:41:00  => nothing
        0:41:20  first_boot done
        0:46:00  config_report done
        0:46:00  => nothing
    "
    kickstart_by_the_shell_helper: "kickstart" "
        0:01:30  get_ks done
        0:02:00  pre done boot=A seq=4100 clock=-2s
        0:02:10  storage init boot=A seq=5010 clock=-2s
        0:02:50  storage done boot=A seq=9120 clock=-2s
        0:02:51  packages init boot=A seq=9125 clock=-2s '1204 packages'
        0:14:00  => nothing
        0:14:05  packages done boot=A seq=76000 clock=-2s
        0:14:50  post done boot=A seq=80100 clock=-2s
        0:14:55  built
        0:17:40  first_boot done boot=B seq=3200 clock=0s
        0:17:40  => nothing
    "
    kickstart_whose_reports_come_all_at_once_when_the_network_is_back: "kickstart" "
        0:01:30  get_ks done
        0:14:51  storage init boot=A seq=5010 late=13m
        0:14:51  packages init boot=A seq=9125 late=12m
        0:14:52  pre done boot=A seq=4100 late=14m
        0:14:52  packages done boot=A seq=76000 late=1m
        0:14:52  storage done boot=A seq=9120 late=12m
        0:14:53  post done boot=A seq=80100
        0:14:53  => nothing
        0:14:55  built
        0:17:40  first_boot done boot=B seq=3200
        0:17:40  => nothing
    "
    windows_from_windows_pe: "windows" "
        0:02:00  boot_files
        0:03:40  winpe done
        0:04:10  storage done
        0:04:11  image_write init
        0:30:00  => nothing
        0:31:00  image_write done
        0:31:30  drivers done
        0:31:50  bootloader done
        0:31:55  built
        0:40:00  specialize done
        0:52:00  setup_complete done
        0:55:00  first_boot done
        0:55:00  => nothing
    "
    a_server_whose_firmware_takes_ten_minutes: "kickstart" "
        0:00:02  power_on done
        0:11:00  pxe_boot
        0:12:00  get_ks done
        0:14:00  => nothing
    "
}
