//! Machines whose clock is wrong, and deliveries that only make it look so.

use crate::story::stories;

stories! {
    a_clock_that_is_years_behind_is_told_with_the_first_report: "kickstart" "
        0:01:00  get_ks done clock=-9y
        0:01:00  => clock_skew '3287 d behind' 'Warning'
    "
    a_clock_that_is_years_ahead_as_well: "kickstart" "
        0:01:00  get_ks done clock=9y
        0:01:00  => clock_skew 'd ahead' 'Warning'
    "
    what_protocols_take_is_no_skew: "kickstart" "
        0:01:00  get_ks done clock=-290s
        0:03:00  storage init clock=-300s
        0:09:00  packages init clock=-300s
        0:09:00  => nothing
    "
    a_proxy_that_delivers_late_and_out_of_order_makes_no_skew: "kickstart" "
        0:30:00  packages init late=10m
        0:30:01  get_ks done late=25m
        0:30:02  storage init late=20m
        0:30:03  storage done late=12m
        0:30:03  => nothing
        0:31:00  packages done
        0:31:00  => nothing
    "
    a_spool_that_is_emptied_again_and_again_makes_none: "kickstart" "
        0:20:00  get_ks done late=15m
        0:40:00  storage init late=18m
        0:40:00  storage done late=2m
        1:00:00  packages init late=19m
        1:00:00  => nothing
    "
    a_clock_that_is_behind_by_minutes_is_told_when_nothing_was_any_closer: "kickstart" "
        0:20:00  get_ks done clock=-10m
        0:21:00  storage init clock=-10m
        0:21:00  => nothing
        0:22:00  packages init clock=-11m
        0:22:00  => clock_skew '10 min behind' 'Info'
    "
    a_clock_ahead_is_told_however_late_its_reports_come: "kickstart" "
        0:20:00  get_ks done clock=2h late=10m
        0:20:00  => clock_skew '110 min ahead'
    "
    a_clock_that_is_set_right_on_the_way_is_right: "kickstart" "
        0:01:00  get_ks done clock=-9y
        0:02:00  pre done clock=-9y
        0:02:00  => clock_skew
        0:03:00  storage init clock=0s
        0:03:00  => nothing
    "
    the_clock_of_the_new_system_is_another: "kickstart" "
        0:01:00  get_ks done boot=A clock=0s
        0:03:00  packages done boot=A clock=0s
        0:09:00  built boot=A clock=0s
        0:12:00  config_agent init boot=B clock=2h
        0:12:00  => clock_skew 'ahead'
    "
    a_report_of_the_earlier_boot_says_nothing_of_this_ones_clock: "kickstart" "
        0:01:00  get_ks done boot=A clock=-9y
        0:02:00  storage init boot=A clock=-9y
        0:05:00  get_ks done boot=B clock=0s
        0:06:00  storage init boot=A clock=-9y
        0:06:00  => boot_loop
    "
    of_a_host_that_is_done_the_clock_is_its_own_business: "kickstart" "
        0:01:00  get_ks done clock=-9y
        0:09:00  built clock=-9y
        0:09:00  => clock_skew
        0:12:00  first_boot clock=-9y
        0:12:00  => nothing
    "
}
