# clock ID: waits for a byte of ours first, so that the way there and back is known.
clock() {
  printf '@%s w 2147483647 0 0\n\n' "$N" >&3
  head -c 1 <&4 >/dev/null
  x=$(date +%s%N); say "$1" $? "$x"
  x='?'
  if [ -e /run/systemd/timesync/synchronized ]; then
    x=yes
  elif command -v perl >/dev/null && case $(uname -m) in x86_64) y=159 ;; aarch64) y=171 ;; *) false ;; esac; then
    # adjtimex(2) with nothing to set: 5 says that the clock is not synchronised. Containers may deny even looking.
    x=$(perl -e 'my $b = "\0" x 512; my $r = syscall($ARGV[0], $b); print $r < 0 ? "?" : $r == 5 ? "no" : "yes"' "$y" 2>&1)
  fi
  if [ "$x" = '?' ] && command -v chronyc >/dev/null; then
    x=$(chronyc -c tracking 2>&1)
    case $x in *,Normal) x=yes ;; *'Not synchronised'*) x=no ;; *) x='?' ;; esac
  fi
  # Where nothing keeps the time, nothing has set it. Asking timedatectl would start a service, so only who has one of these is asked.
  if [ "$x" = '?' ] && ! cat /proc/[0-9]*/comm 2>/dev/null | grep -Exq 'chronyd|ntpd|ntpsec|openntpd|systemd-timesyn|phc2sys|timemaster|vmtoolsd'; then
    x=no
  fi
  if [ "$x" = '?' ] && command -v timedatectl >/dev/null; then
    x=$(timedatectl status 2>&1)
    case $x in *'ynchronized: yes'*) x=yes ;; *'ynchronized: no'*) x=no ;; *) x='?' ;; esac
  fi
  say "$(($1 + 1))" 0 "$x"
}
