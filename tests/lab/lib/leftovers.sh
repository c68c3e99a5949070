# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Did a run leave anything on the machine? What is looked at before and compared after: mounts, users and groups,
# named network namespaces, network interfaces, the machine's own ruleset, the tree as git sees it; and processes that carry the run's mark.

leftovers_state() {
  echo '-- mounts'
  cut -d' ' -f5- /proc/self/mountinfo | sort
  echo '-- users and groups'
  cat /etc/passwd /etc/group
  echo '-- network namespaces'
  ls /run/netns 2> /dev/null || :  # there is none before the first is named
  echo '-- network interfaces'
  ip -o link 2> /dev/null | awk '{ print $2 }'
  echo '-- ruleset'
  nft list ruleset 2> /dev/null || :
  echo '-- changes of the tree'
  git status --porcelain 2> /dev/null || :
}

leftovers_before() {  # DIRECTORY for notes
  leftovers_state > "$1/before"
}

# Processes that the run started, by the mark in their environment.
leftovers_processes() {
  local environment
  for environment in /proc/[0-9]*/environ; do
    if grep -qsz "^CERTLATCH_RUN=$1$" "$environment"; then
      environment=${environment%/environ}
      [ "${environment#/proc/}" = $$ ] || [ "${environment#/proc/}" = "$BASHPID" ] ||
        echo "${environment#/proc/}: $(tr '\0' ' ' < "$environment/cmdline")"
    fi
  done
}

leftovers_after() {  # DIRECTORY; what is different goes to standard output
  local found=0 processes tries
  for tries in 1 2 3 4 5; do  # a killed process takes a moment to be gone
    processes=$(leftovers_processes "$1")
    if [ -z "$processes" ]; then break; fi
    sleep 0.2
  done
  leftovers_state > "$1/after"
  if ! diff -U0 "$1/before" "$1/after"; then found=1; fi
  if [ -n "$processes" ]; then
    printf '%s\n' 'still running:' "$processes"
    found=1
  fi
  return $found
}
