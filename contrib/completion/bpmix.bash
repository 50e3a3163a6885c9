# SPDX-License-Identifier: BSD-3-Clause
# bpmix.bash - completion for bash: options come from each tool's own --help, nodes from bpstat.
# shellcheck shell=bash disable=SC2207 # words without blanks

_bpmix_options() { # TOOL
    "$1" --help 2>/dev/null |
        sed -n 's/^ \{0,8\}\(-[A-Za-z0-9-].*\)/\1/p' | sed 's/   *.*//' |
        grep -oE -- '(^|[ ,])--?[A-Za-z0-9][A-Za-z0-9-]*=?' | tr -d ' ,'
}

_bpmix_nodes() {
    bpstat --hostfile 2>/dev/null | cut -d' ' -f1
}

_bpmix() {
    local word=${COMP_WORDS[COMP_CWORD]} words
    COMPREPLY=()
    if [[ $word == -* ]]; then
        words=$(_bpmix_options "$1")
    elif [[ $1 == *bpcluster ]]; then
        words="up down status start stop kill exec master $(_bpmix_nodes)"
    elif [[ $1 == *bpkill ]]; then
        words=$(bpstat -j 2>/dev/null | sed -n 's/^\([0-9][0-9]*\) .*/\1/p')
    elif [[ $1 == *bprun || $1 == *bpmap || $1 == *bpmpirun ]] || [[ $1 == *bpsh && ${COMP_WORDS[COMP_CWORD-1]} =~ ^(n?[0-9]|all|-[aA1]$) ]]; then
        COMPREPLY=($(compgen -c -- "$word"))
        return
    elif [[ $1 == *bpcp ]]; then # the rest: files, by -o default
        words=$(_bpmix_nodes | sed 's/$/:/')
    else
        words="$(_bpmix_nodes) all allup"
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    [[ ${COMPREPLY[0]-} != *[=:] ]] || compopt -o nospace
}

complete -o default -F _bpmix bprun bpmap bpmpirun bpsh bpcp bpstat bpctl bpkill bplib bpcluster
