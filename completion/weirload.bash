# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# Completion of weirload in bash: the scenarios that its --help has, the options of the scenario in the line, and files.
_weirload() {
	local word=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]/#\~/$HOME} found=""

	COMPREPLY=()
	if [[ $COMP_CWORD == 1 || ( $COMP_CWORD == 2 && ${COMP_WORDS[1]} == help ) ]]; then
		found="help --version $("$program" --help 2>/dev/null | sed -nE 's/^  ([a-z]+)  .*/\1/p')"
	elif [[ $word == -* ]]; then
		found=$("$program" help "${COMP_WORDS[1]}" 2>/dev/null |
			sed -nE 's/^  (--[a-z][-a-z]*).*/\1/p')
	fi
	mapfile -t COMPREPLY < <(compgen -W "$found" -- "$word")
}
complete -o default -F _weirload weirload
