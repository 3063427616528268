# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# Completion of weirlab in bash: the options that its --help has, and files.
_weirlab() {
	local word=${COMP_WORDS[COMP_CWORD]}

	COMPREPLY=()
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]/#\~/$HOME}" --help 2>&1 |
			grep -oE '(^|[[:space:][|])--?[a-z][-a-z]*' | grep -oE -- '-.*' | sort -u)" -- "$word")
	fi
}
complete -o default -F _weirlab weirlab
