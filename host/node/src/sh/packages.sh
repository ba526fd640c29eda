# packages ID NAME...
packages() {
  i=$1; shift
  if [ -e /var/lib/dpkg/status ] && command -v dpkg-query >/dev/null; then
    # shellcheck disable=SC2016
    x=$(dpkg-query -W -f '${Status} ${Package} ${Version}\n' -- "$@" 2>&1)
    say "$i" 0 "$x"
  elif command -v rpm >/dev/null; then
    x=$(rpm -q --qf 'install ok installed %{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n' -- "$@" 2>&1)
    # A package that was renamed, or merged into another, is provided: for yum it is installed.
    for n; do
      case "
$x
" in *"
package $n is not installed
"*)
        y=$(rpm -q --whatprovides --qf "install ok installed $n %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n" -- "$n" 2>/dev/null) && x="$x
$y"
        ;;
      esac
    done
    say "$i" 0 "$x"
  else
    say "$i" 127 ''
  fi
}
