# Stand-in for tests: grctl init. Judge it by what is there afterwards: it returns 0 on nearly every failure.

init() {
  local work=${F[work_dir]:-$R/rainbond-ansible} roles=${F[role]-} part
  if [ -e $R/.rainbond.success ]; then
    echo "Rainbond is already installed, if you want reinstall, then please delete the file: $R/.rainbond.success" >&2
    exit 0
  fi
  if is51; then
    roles=${roles:-manage,compute,gateway}
    for part in ${roles//,/ }; do
      case $part in compute | manage | storage | gateway) ;; *) echo "role $part is not supported" >&2; exit 0 ;; esac
    done
    if ! is_role "$roles" manage || ! is_role "$roles" gateway; then
      echo "first node must have manage and gateway role" >&2
      exit 0
    fi
  else
    roles=${roles:-master,worker}
  fi

  # From here on it is a real start; tests count these lines.
  echo "$(date +%FT%T.%N) pid $$ flavour $GRCTL_FLAVOUR flags $(printf '%s\n' "${!F[@]}" | sort | paste -sd' ')" >> /var/log/standin-grctl-init.log

  if [ "${F[install-type]:-online}" = online ]; then
    echo "Download the installation configuration file remotely..."
    rm -rf "$work"
    mkdir -p "$work/scripts/installer" "$work/inventory" "$work/log" "$work/roles/rainvar/defaults"
    cp $STANDINS/lib/setup.sh "$work/setup.sh"
    cp $STANDINS/lib/node.sh "$work/scripts/node.sh"
    chmod 755 "$work/setup.sh" "$work/scripts/node.sh"
    echo "stand-in: playbooks copied from $STANDINS, nothing was downloaded" >&2
  fi
  local global=${F[config-file]:-$work/scripts/installer/global.sh}
  if ! {
    printf 'ROLE="%s"\n' "$roles"
    printf 'IIP="%s"\nEIP="%s"\nVIP="%s"\n' "${F[iip]-}" "${F[eip]-}" "${F[vip]-}"
    printf 'VERSION="%s"\nINSTALL_TYPE="%s"\nDEPLOY_TYPE="%s"\n' "${F[rainbond-version]:-$GRCTL_FLAVOUR}" "${F[install-type]:-online}" "${F[deploy-type]:-onenode}"
    printf 'DOMAIN="%s"\nPOD_NETWORK_CIDR="%s"\nNETWORK_TYPE="%s"\n' "${F[domain]-}" "${F[pod-cidr]-}" "${F[network]:-calico}"
    printf 'STORAGE="%s"\nSTORAGE_ARGS="%s"\nENABLE_CHECK="%s"\n' "${F[storage]:-nfs}" "${F[storage-args]:-/grdata nfs rw 0 0}" "${F[enable-check]:-enable}"
    if is51; then
      printf 'INSTALL_SSH_PORT="%s"\n' "${F[install_ssh_port]:-22}"
      printf 'ENABLE_EXDB="%s"\nEXDB_TYPE="%s"\nEXDB_HOST="%s"\nEXDB_PORT="%s"\nEXDB_USER="%s"\nEXDB_PASSWD="%s"\n' "${F[enable-exdb]-}" "${F[exdb-type]-}" "${F[exdb-host]-}" "${F[exdb-port]:-3306}" "${F[exdb-user]-}" "${F[exdb-passwd]-}"
    fi
  } >> "$global"; then
    echo "open $global: no such file or directory"
    exit 1
  fi
  echo "Initializes the installation of the first node..."
  export WORK=$work
  bash -c "cd '$work' ; ./setup.sh"
  local status=$?
  if [ $status != 0 ]; then
    echo "exit status $status" >&2
    exit 0
  fi
  echo "${F[rainbond-version]:-$GRCTL_FLAVOUR}" > $R/.rainbond.success
  exit 0
}
