# package SECONDS NAME VERSION NAME[=VERSION]...: installs NAME; and with it, in one go, what the next tasks will want.
package() {
  T=$1 n=$2 v=$3; shift 3
  if [ -e /var/lib/dpkg/status ] && command -v apt-get >/dev/null; then
    if have_deb; then return; fi
    hold_services
    with_apt "$@"
    let_services
  elif command -v dnf >/dev/null || command -v yum >/dev/null; then
    if have_rpm; then return; fi
    with_yum "$@"
  else
    refused tool.missing "this node has neither apt-get nor dnf nor yum" 127
  fi
}
have_deb() {
  # shellcheck disable=SC2016
  x=$(dpkg-query -W -f '${Status}=${Version}' -- "$n" 2>/dev/null)
  case $x in "install ok installed="*) [ -z "$v" ] || [ "${x#*=}" = "$v" ] ;; *) false ;; esac
}
have_rpm() {
  x=$(rpm_version -- "$n") || x=$(rpm_version --whatprovides -- "$n") || return
  [ -z "$v" ] || [ "$x" = "$v" ] || [ "${x#*:}" = "$v" ]
}
rpm_version() { rpm -q --qf '%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}' "$@" 2>/dev/null; }

# While a package is installed, Debian's scripts ask this file whether they may start services. Should it be left behind, it
# allows everything.
hold_services() {
  f=/usr/sbin/policy-rc.d y=
  { { read -r x; read -r y; } <"$f"; } 2>/dev/null
  if { [ -e "$f" ] || [ -L "$f" ]; } && [ "$y" != '# arcus: not during this installation' ]; then return; fi
  rm -f "$f"
  printf '#!/bin/sh\n# arcus: not during this installation\n[ -d "/proc/%s" ] && [ -d "%s" ] && exit 101\nexit 0\n' "$$" "$d" >"$f" && chmod 0755 "$f" && Q=$f
}
let_services() { [ -z "$Q" ] || rm -f -- "$Q"; Q=; }

apt() {
  t=$1; shift
  watch "$t" - env DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1 UCF_FORCE_CONFFOLD=1 \
    apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    -o DPkg::Lock::Timeout=60 -o Dpkg::Use-Pty=0 "$@"
}
with_apt() {
  wanted=$n${v:+=$v}
  # A name that is not there and looks like a pattern would match others.
  known() { apt-cache show --no-all-versions -- "$n" >/dev/null 2>&1; }
  L=no
  if ! known; then
    L=yes
    apt "$T" update || { if [ "$W" = timeout ]; then return; fi; }
    X=0
    if ! known; then refused package.not-found "no package $n in the repositories of this node" 100; return; fi
  fi
  if [ $# -gt 1 ] && apt "$T" install -- "$@"; then return; fi
  if [ "$W" = timeout ]; then return; fi
  if have_deb; then X=0; return; fi
  : >"$o"
  if apt "$T" install -- "$wanted"; then return; fi
  if [ "$W" = timeout ]; then return; fi
  if grep -q 'dpkg --configure -a' "$o"; then
    watch "$T" - env DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold --configure -a
    if apt "$T" install -- "$wanted"; then return; fi
  fi
  if [ "$W" = timeout ]; then return; fi
  if [ "$L" = no ] && grep -Eq '404|Unable to fetch|Failed to fetch|was not found|no installation candidate|unmet dependencies' "$o"; then
    # The lists are old: what they name is gone.
    apt "$T" update
    if [ "$W" = timeout ]; then return; fi
    if apt "$T" install -- "$wanted"; then return; fi
  fi
  if [ "$W" = timeout ]; then return; fi
  if grep -Eq "^E: (Version '.*' for '.*' was not found|Package '.*' has no installation candidate|Unable to locate package)" "$o"; then
    refused package.not-found "no package $wanted in the repositories of this node" "$X"
  elif grep -q '^E: Could not get lock' "$o"; then
    failed package.locked "another program holds the package manager of this node" "$X"
  else
    failed package.failed "apt-get could not install $wanted" "$X"
  fi
}
with_yum() {
  wanted=$n${v:+-$v}
  if command -v dnf >/dev/null; then y=dnf; else y=yum; fi
  if [ $# -gt 1 ]; then
    for b; do
      shift
      case $b in *=*) b=${b%%=*}-${b#*=} ;; esac
      set -- "$@" "$b"
    done
    yum_install "$@"
    if [ "$W" != done ]; then return; fi
    if have_rpm; then X=0; return; fi
    # yum takes what it finds, dnf nothing when something is missing: this one alone, then.
    : >"$o"
  fi
  yum_install "$wanted"
  if [ "$W" != done ]; then return; fi
  if have_rpm; then X=0; return; fi
  if grep -Eq 'No match for argument|No package .* available|Unable to find a match' "$o"; then
    refused package.not-found "no package $wanted in the repositories of this node" "$X"
  else
    failed package.failed "$y could not install $wanted" "$X"
  fi
}
# yum_install NAME...: both wait as long as it takes for another that is at work, and say so.
yum_install() {
  watch "$T" - "$y" -y install -- "$@"
  if [ "$W" = timeout ] && tail -c 4096 "$o" | grep -Eq 'holding the [a-z]+ lock|Waiting for process with pid'; then
    failed package.locked "another program held the package manager of this node for $T s" 124
  fi
}
