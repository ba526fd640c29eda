# Stand-in for tests: what its parts share. Sourced; expects GRCTL_FLAVOUR.
export LC_ALL=C.UTF-8 ETCDCTL_API=3
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
R=/opt/rainbond
STANDINS=/srv/standins

knob() { cat "/etc/arcus-lab/$1" 2> /dev/null || echo "$2"; }

is51() { [ "$GRCTL_FLAVOUR" = 5.1 ]; }

log() { printf 'time="%s" level=%s msg="%s"\n' "$(date +%FT%T%:z)" "$1" "$2" >&2; }

etcd_here() { etcdctl --endpoints="$(cat $R/conf/standin-etcd 2> /dev/null || echo http://127.0.0.1:2379)" --dial-timeout=2s --command-timeout=4s "$@"; }

pause_ms() { sleep "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))"; }

# One field of a record, which is one line of JSON as `record` writes it. Both also leave it in REPLY, without a process.
get() {
  REPLY=
  if [[ $2 =~ \"$1\":(\"([^\"]*)\"|true|false) ]]; then REPLY=${BASH_REMATCH[1]//\"/}; fi
}
field() { get "$@"; echo "$REPLY"; }

get_roles() {
  REPLY=
  if [[ $1 =~ \"role\":\[([^]]*)\] ]]; then REPLY=${BASH_REMATCH[1]//\"/}; fi
}
roles() { get_roles "$1"; echo "$REPLY"; }

json() { local text=${1//\\/\\\\}; echo "${text//\"/\\\"}"; }

# record uid host iip eip roles pass key status unschedulable
record() {
  local role
  role=$(echo "$5" | sed 's/[^,]*/"&"/g')
  printf '{"uuid":"%s","host_name":"%s","create_time":"%s","internal_ip":"%s","external_ip":"%s","root_pass":"%s","key_path":"%s","role":[%s],"status":"%s","unschedulable":%s}\n' \
    "$1" "$2" "$(date +%FT%T%:z)" "$3" "$4" "$(json "$6")" "$(json "$7")" "$role" "$8" "$9"
}

put_record() { etcd_here put -- "/rainbond/nodes/$(field uuid "$1")" "$1" > /dev/null 2>&1; }

# with FIELD VALUE RECORD: the record with another value (strings and booleans)
with() {
  case $2 in
    true | false) sed -E "s/\"$1\":(true|false)/\"$1\":$2/" <<< "$3" ;;
    *) sed -E "s/\"$1\":\"[^\"]*\"/\"$1\":\"$2\"/" <<< "$3" ;;
  esac
}

tcp() { timeout 2 bash -c 'exec 3<> "/dev/tcp/$1/$2"' - "$1" "$2" 2> /dev/null; }

is_role() { [[ ,$1, == *,$2,* ]]; }

wait_for() { # seconds, command...
  local end=$((SECONDS + $1))
  shift
  until "$@" > /dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}
