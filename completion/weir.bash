# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# Completion of weir in bash: the options that its --help has, and files.
_weir() {
	local word=${COMP_WORDS[COMP_CWORD]}
	local -a help=(--help)

	COMPREPLY=()
	if [[ ${COMP_WORDS[1]} == --socket-proxy && $COMP_CWORD -gt 1 ]]; then
		help=(--socket-proxy --help)
	fi
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]/#\~/$HOME}" "${help[@]}" 2>/dev/null |
			grep -oE '(^|[[:space:][|])--[a-z][-a-z]*=?' | grep -oE -- '-.*' | sort -u)" -- "$word")
	fi
	if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then
		compopt -o nospace
	fi
}
complete -o default -F _weir weir
