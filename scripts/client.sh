#!/usr/bin/env bash
# Calls getdata and putdata with curl, and prints the daemon's answer as it is.
#
#     scripts/client.sh get UUID                  what is new since this caller's last get
#     scripts/client.sh put UUID USER DUMP.json   merge a dump: the list that get has as its result
#
# UUID names this caller: letters, digits and hyphens, at most 64, always the same. The password for
# put (`dunlin users add` makes the user) is asked for, or read from stdin when that is no terminal.
# ADDRESS in the environment says where the daemon is, if not at http://127.0.0.1:7475.
#
# Needs:  curl and a running daemon. Leaves nothing.
# Exits:  0 answered (an answer whose result is a string was a refusal), 2 usage, else curl's code.
set -euo pipefail

usage() {
    echo "usage: client.sh get UUID | put UUID USER DUMP.json" >&2
    exit 2
}

# One call; the body comes on stdin, so that no password stands in the list of processes.
# --noproxy: behind a proxy, this machine is no longer what the daemon calls local.
call() {
    curl --silent --show-error --noproxy '*' --max-time 60 \
        --header 'Content-Type: application/json' --data-binary @- \
        "${ADDRESS:-http://127.0.0.1:7475}/rpc"
    echo
}

# A text as JSON has it: backslash and quote escaped; control characters do not belong in a name.
quote() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

case "${1:-} $#" in
    "get 2")
        printf '{"jsonrpc":"2.0","id":1,"method":"getdata","params":[%s,null,null,null]}' \
            "$(quote "$2")" | call
        ;;
    "put 4")
        [[ -r $4 ]] || { echo "client.sh: cannot read $4" >&2; exit 2; }
        [[ -t 0 ]] && printf 'Password: ' >&2
        # A last line without its newline is a password too.
        IFS= read -r -s password || [[ -n $password ]] || usage
        [[ -t 0 ]] && echo >&2
        {
            printf '{"jsonrpc":"2.0","id":1,"method":"putdata","params":[%s,%s,%s,' \
                "$(quote "$2")" "$(quote "$3")" "$(quote "$password")"
            cat -- "$4"
            printf ']}'
        } | call
        ;;
    *) usage ;;
esac
