# Stand-in for tests: what the agent makes of the settings in /opt/rainbond/conf: a unit for each service of a file. Sourced.

# The words of `start` of a service in a file, on one line.
start_words() { # file, service
  awk -v service="$2" '
    /^- name: / { inside = ($3 == service); starts = 0 }
    inside && /^  start: >-/ { starts = 1; next }
    starts && (/^  [a-z]/ || /^$/) { starts = 0 }
    starts { gsub(/^ +| +$/, ""); printf "%s ", $0 }
  ' "$1"
}

# Makes the units anew. Restarts those that changed, when told so.
make_units() { # restart or nothing
  local file service words unit changed=
  for file in $R/conf/dns.yaml $R/conf/k8s-master.yaml; do
    [ -e "$file" ] || continue
    for service in $(sed -n 's/^- name: //p' "$file"); do
      words=$(start_words "$file" "$service")
      [ -n "$words" ] || continue
      unit=/etc/systemd/system/$service.service
      printf '[Unit]\nDescription=%s (a stand-in for tests)\nAfter=network.target\nStartLimitIntervalSec=0\n[Service]\nType=simple\nExecStart=%s\nRestart=always\nRestartSec=2\nTimeoutStopSec=10\n[Install]\nWantedBy=multi-user.target\n' \
        "$service" "${words//\$\{ETCD_ENDPOINTS\}/http://127.0.0.1:2379}" > "$unit.new"
      if cmp -s "$unit.new" "$unit"; then rm "$unit.new"; else mv "$unit.new" "$unit"; changed+=" $service.service"; fi
    done
  done
  [ -n "$changed" ] || return 0
  systemctl daemon-reload
  [ "${1-}" != restart ] || systemctl restart $changed
}
