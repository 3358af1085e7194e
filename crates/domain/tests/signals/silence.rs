//! Hosts that fall silent, talk without getting on, or take too long; and those that only seem to.

use crate::story::stories;

stories! {
    a_network_boot_and_then_silence_is_a_stall_after_15_minutes: "kickstart" "
        0:00:30  pxe_boot
        0:15:30  => nothing
        0:15:31  => stalled 'no report for 15 min after '
        0:17:31  => stalled 'Kickstart download'
    "
    a_host_that_is_never_heard_of_is_told_as_news_and_not_as_an_emergency: "kickstart" "
        0:15:00  => nothing
        0:15:01  => stalled 'no report for 15 min since the build was opened' 'Info'
    "
    the_next_report_clears_a_stall: "kickstart" "
        0:00:30  get_ks done
        0:31:00  => stalled 'no report for 30 min' 'limit 30 min' 'Warning'
        0:31:30  storage init
        0:31:30  => nothing
    "
    a_slow_mirror_is_no_stall_within_the_limit_of_the_step: "kickstart" "
        0:01:00  packages init
        0:40:00  => nothing
        0:41:01  => stalled 'it usually takes 6 min, limit 40 min'
    "
    the_limit_of_the_next_step_counts_as_well: "kickstart" "
        0:01:00  storage done
        0:40:00  => nothing
        0:41:01  => stalled 'Package installation'
    "
    chatter_does_not_hide_that_partitioning_is_stuck: "kickstart" "
        0:01:00  storage init
        0:02:00  storage init x15/300s 'waiting for device sda'
        1:13:00  => nothing
        1:17:00  storage init 'waiting for device sda'
        1:20:00  storage init 'waiting for device sda'
        1:21:01  => stalled 'reports come (last: ' 'waiting for device sda' 'has not got on for 80 min' 'usually takes 30 s, limit 80 min'
        1:22:00  packages init
        1:22:00  => nothing
    "
    steps_that_nobody_knows_do_not_hide_it_either: "kickstart" "
        0:01:00  storage init
        0:02:00  heartbeat x80/60s
        1:21:00  => nothing
        1:21:01  => stalled 'has not got on'
    "
    a_percentage_that_rises_is_progress_however_long_it_takes: "kickstart" "
        0:01:00  packages init pct=1
        0:31:00  packages init pct=5
        1:01:00  packages init pct=20
        1:31:00  packages init pct=30
        2:01:00  packages init pct=40
        2:31:00  packages init pct=55
        2:40:00  => nothing
    "
    a_percentage_that_is_only_repeated_is_none: "kickstart" "
        0:01:00  packages init pct=42
        0:11:00  packages init pct=42 x8/600s
        1:21:00  => nothing
        1:21:01  => stalled 'reports come, but'
    "
    a_step_that_begins_over_and_over_is_stuck: "kickstart" "
        0:01:00  get_ks done
        0:02:00  storage init|failed x119/60s
        2:01:00  => stalled 'has not got on'
    "
    without_a_workflow_15_minutes_are_a_silence: "none" "
        0:01:00  copying pct=10
        0:16:00  => nothing
        0:16:01  => stalled 'after ' 'copying' 'limit 15 min'
    "
    a_failed_build_is_not_stalled_as_well: "kickstart" "
        0:01:00  packages failed
        5:00:00  => failed_step
    "
    what_was_called_off_may_be_silent: "kickstart" "
        0:01:00  packages init
        0:02:00  (cancel)
        5:00:00  => nothing
    "
    what_a_newer_build_has_replaced_needs_nobody: "kickstart" "
        0:01:00  packages init
        0:02:00  (close)
        5:00:00  => nothing
    "
    what_expired_unheard_is_silent: "kickstart" "
        7:00:00  => nothing
    "
    an_installed_host_need_not_say_that_it_is_up: "kickstart" "
        0:09:00  built
        9:00:00  => nothing
    "
    where_they_usually_do_one_that_does_not_come_up_is_stalled: "kickstart" "
        known 20 builds x1
        0:09:00  built
        0:17:00  => nothing
        0:39:00  => overdue
        0:39:01  => stalled 'First boot' overdue
        0:39:30  first_boot
        0:39:30  => nothing
    "
    a_completed_build_is_never_stalled: "kickstart" "
        0:09:00  built
        0:12:00  first_boot
        99:00:00  => nothing
    "
    a_step_that_is_slow_on_this_hardware_has_a_limit_of_its_own: "kickstart" "
        known 20 builds x10
        0:10:00  packages init
        1:20:00  => nothing
        1:23:40  => stalled
    "
    history_from_four_builds_is_none: "kickstart" "
        known 4 builds x10
        0:10:00  packages init
        0:50:01  => stalled 'limit 40 min'
    "
    a_build_that_takes_far_longer_than_its_kind_is_overdue: "kickstart" "
        known 20 builds x1
        0:05:00  storage done
        0:10:00  packages init pct=10
        0:17:30  packages init pct=20
        0:17:30  => nothing
        0:18:00  => overdue '99 in 100 such builds take' 'from 20 builds of kickstart'
        0:21:00  built
        0:22:00  first_boot
        0:22:00  => nothing
    "
    without_history_nothing_is_overdue: "kickstart" "
        0:05:00  storage done
        2:00:00  packages init
        2:20:00  => nothing
    "
    a_new_attempt_is_compared_from_where_it_began: "kickstart" "
        known 20 builds x1
        0:01:00  get_ks done
        0:02:00  packages init
        0:15:00  get_ks done
        0:25:00  packages init
        0:25:00  => boot_loop
    "
    a_muted_host_is_marked_and_not_hidden: "kickstart" "
        muted 1:00:00 new firmware
        0:01:00  get_ks done
        0:40:00  => stalled 'new firmware'
        1:00:01  => stalled 'None'
    "
}
