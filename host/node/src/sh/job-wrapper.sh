# The wrapper of a job; $1 is its folder. It holds the lock as long as it lives, so that all know whether the job runs.
set -u
umask 022
cd / || exit 1
exec 9>>"$1/lock"
flock -n 9 || exit 1
[ ! -e "$1/began" ] || exit 1
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
LC_ALL=C HOME=/root USER=root LOGNAME=root
export PATH LC_ALL HOME USER LOGNAME
date +%s >"$1/began.new" && mv "$1/began.new" "$1/began" || exit 1
