//! Reports that are lost, late, refused, or too many.

use crate::story::stories;

stories! {
    numbers_that_are_missing_are_told_after_a_while: "kickstart" "
        0:01:00  get_ks done boot=A seq=1
        0:02:00  storage init boot=A seq=2
        0:03:00  packages init boot=A seq=6
        0:08:00  => nothing
        0:08:01  => missing_reports '3 reports were sent and never came' 'numbers 3 to 5' 'Warning'
    "
    what_comes_later_after_all_is_not_missing: "kickstart" "
        0:01:00  get_ks done boot=A seq=1
        0:03:00  packages init boot=A seq=4
        0:09:00  => missing_reports 'numbers 2 to 3'
        0:10:00  storage init boot=A seq=2
        0:10:01  => missing_reports '1 report was' 'number 3'
        0:10:02  storage done boot=A seq=3
        0:10:02  => nothing
    "
    what_is_overtaken_is_not_missing: "kickstart" "
        0:01:00  get_ks done boot=A seq=1
        0:02:10  storage done boot=A seq=3
        0:02:11  storage init boot=A seq=2
        0:30:00  => nothing
    "
    the_first_of_all_may_be_the_one_that_is_missing: "kickstart" "
        0:01:00  storage init boot=A seq=3
        0:07:00  => missing_reports '2 reports were' 'numbers 1 to 2'
    "
    a_count_may_begin_with_nought: "kickstart" "
        0:01:00  storage init boot=A seq=0
        0:02:00  storage done boot=A seq=1
        0:07:00  => nothing
    "
    the_helper_numbers_by_the_clock_and_misses_nothing: "kickstart" "
        0:01:00  get_ks done boot=A seq=2051
        0:02:00  storage init boot=A seq=2053
        0:03:00  packages init boot=A seq=9811
        0:30:00  => nothing
    "
    each_boot_has_a_count_of_its_own: "kickstart" "
        0:01:00  get_ks done boot=A seq=1
        0:02:00  packages done boot=A seq=2
        0:04:00  built boot=A seq=3
        0:06:00  first_boot boot=B seq=1
        0:30:00  => nothing
    "
    what_was_refused_is_not_called_lost_as_well: "kickstart" "
        0:01:00  get_ks done boot=A seq=1
        0:02:00  (refuse packagez)
        0:03:00  packages init boot=A seq=3
        0:20:00  => rejected_reports '1 report was refused' 'packagez'
    "
    of_a_host_that_is_done_lost_reports_are_news: "kickstart" "
        0:01:00  get_ks done boot=A seq=1
        0:03:00  built boot=A seq=9
        0:05:00  first_boot
        0:09:00  => missing_reports '7 reports were' 'Info'
    "
    a_refusal_is_told_with_its_label: "kickstart" "
        0:01:00  get_ks done
        0:02:00  (refuse packagez)
        0:03:00  (refuse postt)
        0:03:00  => rejected_reports '2 reports were refused' 'postt'
    "
    flooding_ends_a_quarter_of_an_hour_after_the_last: "kickstart" "
        0:01:00  get_ks done
        0:02:00  (limit 30)
        0:03:00  (limit 1)
        0:04:00  storage init
        0:18:00  => flooding '31 reports were refused'
        0:18:01  => nothing
    "
}
