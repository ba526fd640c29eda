# Runs one node: systemd-nspawn in the node's control group, again after each reboot. Args: GROUP NSPAWN-ARGS...
group=/sys/fs/cgroup/$1
shift
echo $$ > "$group/keeper/cgroup.procs"
while :; do
  (
    echo "$BASHPID" > "$group/machine/cgroup.procs"
    # The node's own network settings are its own to change; all other kernel settings are the machine's.
    SYSTEMD_NSPAWN_API_VFS_WRITABLE=network exec systemd-nspawn "$@"
  )
  # 133: the container asks to be started again.
  [ $? = 133 ] || break
done
