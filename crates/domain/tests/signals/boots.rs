//! Machines that boot their installer again: by mistake, on purpose, or only by the look of it.

use crate::story::stories;

stories! {
    an_installer_that_comes_back_before_its_end_is_a_loop: "kickstart" "
        0:01:00  get_ks done
        0:02:00  pre done
        0:03:00  packages init
        0:10:00  get_ks done
        0:10:00  => boot_loop 'booted its installer 2 times and was not installed; 1 boot was expected' '22 Nov 12:01, 22 Nov 12:10 UTC' 'Warning'
        0:12:00  packages init
        0:20:00  get_ks done
        0:20:00  => boot_loop '3 times' 'Critical'
    "
    a_loop_is_over_when_the_host_is_installed: "kickstart" "
        0:01:00  get_ks done
        0:03:00  packages init
        0:10:00  get_ks done
        0:11:00  packages init
        0:20:00  => boot_loop
        0:21:00  built
        0:21:00  => nothing
        0:25:00  first_boot
        0:25:00  => nothing
    "
    an_installer_that_comes_back_after_it_was_done_is_a_wrong_boot_order: "kickstart" "
        0:01:00  get_ks done
        0:03:00  packages done
        0:10:00  built
        0:10:01  => nothing
        0:14:00  get_ks done
        0:14:00  => boot_loop 'expected the host to boot from disk, but it booted the installer again' 'installed at 22 Nov 12:10' 'Critical'
        0:20:00  built
        0:20:00  => nothing
        0:24:00  get_ks done
        0:24:00  => boot_loop 'expected the host to boot from disk'
    "
    an_announced_reboot_does_not_excuse_an_installer_after_the_end: "kickstart" "
        0:01:00  get_ks done
        0:03:00  packages done
        0:10:00  built
        0:10:05  reboot
        0:14:00  get_ks done
        0:14:00  => boot_loop 'expected the host to boot from disk'
    "
    an_announced_reboot_on_the_way_is_none: "kickstart" "
        0:01:00  get_ks done
        0:02:00  pre done
        0:03:00  reboot
        0:06:00  get_ks done
        0:06:00  => nothing
        0:10:00  packages done
        0:11:00  built
        0:11:00  => nothing
    "
    whoever_announces_one_after_the_other_loops_all_the_same: "kickstart" "
        0:01:00  get_ks done
        0:01:30  pre done
        0:02:00  reboot
        0:06:00  get_ks done
        0:06:30  pre done
        0:07:00  reboot
        0:11:00  get_ks done
        0:11:30  pre done
        0:11:30  => nothing
        0:12:00  reboot
        0:16:00  get_ks done
        0:16:00  => boot_loop '4 times'
    "
    an_other_boot_in_the_middle_of_the_installation_is_a_loop: "kickstart" "
        0:01:00  get_ks done boot=A
        0:03:00  packages init boot=A
        0:10:00  packages init boot=B
        0:10:00  => boot_loop '2 times'
    "
    windows_boots_as_often_as_its_workflow_says: "windows" "
        0:02:00  winpe done boot=A
        0:05:00  storage done boot=A
        0:10:00  image_write init boot=B
        0:20:00  drivers init boot=C
        0:20:00  => nothing
        0:30:00  image_write init boot=D
        0:30:00  => boot_loop '4 times and was not installed; 3 boots were expected'
    "
    windows_boots_itself_some_more_after_it_was_installed: "windows" "
        0:02:00  winpe done boot=A
        0:20:00  image_write done boot=A
        0:22:00  built boot=A
        0:25:00  specialize done boot=B
        0:28:00  setup_complete init boot=C
        0:33:00  setup_complete done boot=D
        0:35:00  first_boot done boot=D
        0:35:00  => nothing
    "
    windows_pe_after_windows_was_installed_is_a_loop_at_once: "windows" "
        0:02:00  winpe done
        0:20:00  image_write done
        0:22:00  built
        0:26:00  winpe done
        0:26:00  => boot_loop 'check' 'booted the installer again'
    "
    a_first_boot_whose_built_was_lost_is_no_other_boot_of_the_installer: "kickstart" "
        0:01:00  get_ks done boot=A
        0:09:00  post done boot=A
        0:12:00  first_boot done boot=B
        0:12:00  => nothing
    "
    a_boot_that_tells_of_the_network_first_is_one_more_boot: "kickstart" "
        0:01:00  get_ks done boot=A
        0:05:00  packages init boot=A
        0:10:00  pxe_boot boot=B
        0:12:00  get_ks done boot=B
        0:12:00  => boot_loop '2 times'
        0:12:10  get_ks done boot=B
        0:15:00  packages init boot=B
        0:15:00  => boot_loop '2 times'
    "
    a_boot_that_tells_of_the_network_after_built_is_a_loop_with_the_installer: "kickstart" "
        0:01:00  get_ks done boot=A
        0:09:00  built boot=A
        0:10:00  pxe_boot boot=B
        0:10:00  => nothing
        0:12:00  get_ks done boot=B
        0:12:00  => boot_loop 'booted the installer again'
    "
    network_boots_come_in_twos: "kickstart" "
        0:00:30  pxe_boot
        0:00:40  pxe_boot
        0:01:00  boot_files
        0:01:20  boot_files
        0:02:00  get_ks done
        0:02:10  get_ks done
        0:02:10  => nothing
    "
    the_network_boot_may_be_missing: "kickstart" "
        0:02:00  get_ks done
        0:09:00  built
        0:12:00  first_boot
        0:12:00  => nothing
    "
    a_network_boot_that_sends_the_host_to_its_disk_is_no_loop: "kickstart" "
        0:00:30  pxe_boot
        0:02:00  get_ks done
        0:09:00  built
        0:10:00  pxe_boot
        0:12:00  first_boot
        0:12:00  => nothing
    "
    a_healthy_host_that_is_restarted_weeks_later_is_no_loop: "kickstart" "
        0:02:00  get_ks done boot=A
        0:09:00  built boot=A
        0:12:00  first_boot boot=B
        500:00:00  pxe_boot
        500:02:00  first_boot boot=C
        500:02:00  => nothing
    "
    a_host_in_use_that_installs_itself_again_is_a_loop: "kickstart" "
        extends
        0:02:00  get_ks done
        0:09:00  built
        0:12:00  first_boot
        500:00:00  get_ks done
        500:00:00  => boot_loop 'expected the host to boot from disk'
    "
    saying_built_again_is_no_loop: "kickstart" "
        0:02:00  get_ks done
        0:09:00  built
        0:10:00  built
        0:12:00  first_boot
        0:13:00  built
        0:13:00  => nothing
    "
    a_report_of_the_earlier_boot_that_comes_late_is_no_other_boot: "kickstart" "
        0:01:00  get_ks done boot=A
        0:02:00  pre done boot=A
        0:06:00  get_ks done boot=B
        0:07:00  storage init boot=B
        0:08:00  pre done boot=A
        0:09:00  get_ks done boot=A
        0:10:00  storage done boot=B
        0:10:00  => boot_loop '2 times'
    "
    an_entry_that_is_only_delivered_late_is_no_other_boot: "kickstart" "
        0:01:00  get_ks done clock=0s
        0:02:00  pre done clock=0s
        0:03:00  packages init clock=0s
        0:05:10  get_ks done late=250s
        0:05:20  pre done late=195s
        0:05:20  => nothing
        0:09:00  get_ks done clock=0s
        0:09:00  => boot_loop
    "
    a_clock_that_was_set_by_hours_hides_no_boot: "kickstart" "
        0:01:00  get_ks done clock=2h
        0:03:00  packages init clock=2h
        0:03:00  => clock_skew
        0:10:00  get_ks done clock=0s
        0:10:00  => boot_loop
    "
    two_signs_of_one_boot_count_once: "kickstart" "
        0:01:00  get_ks done
        0:01:10  pre init boot=A
        0:05:00  packages init boot=A
        0:10:00  pre init boot=B
        0:10:05  get_ks done
        0:10:05  => boot_loop '2 times'
    "
    a_person_who_builds_the_host_anew_makes_no_loop: "kickstart" "
        0:01:00  get_ks done
        0:03:00  packages init
        0:05:00  (close)
        0:09:00  get_ks done
        0:09:00  => nothing
    "
    a_machine_that_loops_all_night_is_counted_to_the_end: "kickstart" "
        0:01:00  get_ks done
        0:02:00  packages init
        0:10:00  get_ks done
        0:11:00  packages init
        0:20:00  get_ks done
        0:21:00  packages init
        0:30:00  get_ks done
        0:31:00  packages init
        0:40:00  get_ks done
        0:41:00  packages init
        0:50:00  get_ks done
        0:51:00  packages init
        1:00:00  get_ks done
        1:00:00  => boot_loop '7 times' '22 Nov 12:01, …, 22 Nov 12:20, ' '22 Nov 13:00 UTC' 'Critical'
    "
    a_failure_in_the_second_boot_stands_before_the_loop: "kickstart" "
        0:01:00  get_ks done
        0:03:00  packages init
        0:10:00  get_ks done
        0:11:00  packages failed 'no space left'
        0:11:00  => failed_step 'no space left' boot_loop
    "
}
