//! Steps that fail, and credentials that run out.

use crate::story::stories;

stories! {
    a_failed_step_is_told_in_its_own_words: "kickstart" "
        0:01:00  packages init
        0:05:00  packages failed 'nothing provides kernel-core'
        0:05:00  => failed_step 'failed after 4 min: nothing provides kernel-core' 'Critical'
    "
    a_retry_that_gets_on_clears_a_failure: "kickstart" "
        0:05:00  packages failed 'timeout'
        0:05:00  => failed_step
        0:06:00  packages init
        0:06:00  => nothing
    "
    the_failed_callback_names_the_step_at_work: "kickstart" "
        0:01:00  packages init '412 packages'
        0:05:00  built failed 'the installer has failed'
        0:05:00  => failed_step 'Package installation' '412 packages'
    "
    a_failure_without_a_word_says_so: "kickstart" "
        0:05:00  storage failed
        0:05:00  => failed_step 'Partitioning' 'said nothing of why'
    "
    the_end_of_its_log_stands_beside_a_failure_and_nothing_else: "kickstart" "
        log No space left on device
        0:05:00  packages failed 'dnf ended with 1'
        0:05:00  => failed_step 'dnf ended with 1' 'No space left' 'the end of its log says why'
        0:06:00  packages init
        2:00:00  => stalled 'log None'
    "
    a_first_boot_that_fails_is_told: "kickstart" "
        0:05:00  built
        0:09:00  first_boot failed 'unit web.service failed'
        0:09:00  => failed_step 'First boot' 'unit web.service failed'
    "
    a_failed_build_that_was_built_anew_is_history: "kickstart" "
        0:05:00  storage failed
        0:06:00  (close)
        0:06:00  => nothing
    "
    a_credential_that_runs_out_under_a_running_build_is_told_before: "kickstart" "
        5:20:00  packages init pct=5
        5:29:59  => nothing
        5:30:00  => credential_expiring 'runs out in 30 min' '22 Nov 18:00 UTC' 'Warning'
        5:59:59  packages init pct=9
        6:00:00  => credential_expiring 'has run out' 'Critical'
    "
    where_reports_extend_it_there_is_nothing_to_tell: "kickstart" "
        extends
        5:20:00  packages init pct=5
        6:00:00  => nothing
    "
    a_host_that_is_done_needs_no_credential: "kickstart" "
        5:20:00  packages done
        5:25:00  built
        5:50:00  => nothing
    "
}
