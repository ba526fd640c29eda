# packages ID NAME...
packages() {
  i=$1; shift
  if [ -e /var/lib/dpkg/status ] && command -v dpkg-query >/dev/null; then
    # shellcheck disable=SC2016
    x=$(dpkg-query -W -f '${Status} ${Package} ${Version}\n' -- "$@" 2>&1)
    say "$i" 0 "$x"
  elif command -v rpm >/dev/null; then
    x=$(rpm -q --qf 'install ok installed %{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n' -- "$@" 2>&1)
    say "$i" 0 "$x"
  else
    say "$i" 127 ''
  fi
}
