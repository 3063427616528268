# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# Completion of weirctl in bash: weirctl itself says what may come, and asks the weir of the command line for names.
_weirctl() {
	local line=${COMP_LINE:0:COMP_POINT} breaks=${COMP_WORDBREAKS//[^:=@]/} word cut=""
	local -a words found

	read -ra words <<<"$line"
	if [[ $line == *[[:space:]] ]]; then
		words+=("")
	fi
	word=${words[-1]}
	mapfile -t found < <("${words[0]/#\~/$HOME}" --complete "${words[@]:1}" 2>/dev/null)
	COMPREPLY=()
	if [[ ${found[0]-} == :files ]]; then
		compopt -o default
		return
	fi
	# bash takes what stands behind one of these signs for a word of its own.
	if [[ -n $breaks ]]; then
		cut=${word%"${word##*["$breaks"]}"}
	fi
	COMPREPLY=("${found[@]#"$cut"}")
	if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then
		compopt -o nospace
	fi
}
complete -F _weirctl weirctl
