# Stand-in for tests: grctl's commands. Run by grctl-5.0 and grctl-5.1.
. /srv/standins/lib/common.sh
. /srv/standins/lib/nodes.sh
. /srv/standins/lib/show.sh
. /srv/standins/lib/init.sh

VERSION=$(is51 && echo 5.1.11 || echo 5.0.4)
echo "grctl: a stand-in for tests ($GRCTL_FLAVOUR), not Rainbond" >&2

# flags ALLOWED -- ARGS: sets F[name]; REST gets what is no flag. ALLOWED has "name" (with a value) or "name!" (without).
declare -A F
declare -a REST
flags() {
  local allowed=" $1 " name value
  shift 2
  F=() REST=()
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) return 2 ;;
      -*)
        name=${1#-} name=${name#-} value=
        [[ $name == *=* ]] && { value=${name#*=} name=${name%%=*}; }
        case $name in iip) name=internal-ip ;; eip) [[ $allowed == *" external-ip "* ]] && name=external-ip ;; host) name=hostname ;; p) name=root-pass ;; key) name=private-key ;; r) name=role ;; cidr) name=podCIDR ;; f) name=config-file ;; o) name=output ;; esac
        [[ $allowed == *" iip "* && $name == internal-ip ]] && name=iip
        if [[ $allowed == *" $name! "* ]]; then
          F[$name]=true
        elif [[ $allowed == *" $name "* ]]; then
          [[ $1 == *=* ]] || { shift; value=${1-}; }
          # A role may be given twice; all else, the last wins.
          [ "$name" = role ] && [ -n "${F[role]-}" ] && value=${F[role]},$value
          F[$name]=$value
        else
          echo "Incorrect Usage: flag provided but not defined: -$name"
          echo
          return 1
        fi
        ;;
      *) REST+=("$1") ;;
    esac
    [ $# -gt 0 ] && shift
  done
  return 0
}

usage() { # name, allowed
  printf 'NAME:\n   grctl %s (a stand-in for tests)\nUSAGE:\n   grctl %s [command options] [arguments...]\nOPTIONS:\n' "$1" "$1"
  local flag
  for flag in $2; do
    case $flag in *!) echo "   --${flag%!}" ;; *) echo "   --$flag value" ;; esac
  done
}

# parse NAME ALLOWED ARGS: as flags; ends the program on help and mistakes.
parse() {
  local name=$1 allowed=$2
  shift 2
  flags "$allowed" -- "$@"
  case $? in
    2) usage "$name" "$allowed"; exit 0 ;;
    1) usage "$name" "$allowed"; exit 1 ;;
  esac
}

if is51; then
  INIT_FLAGS="role work_dir iip eip vip rainbond-version rainbond-repo install-type deploy-type domain pod-cidr enable-feature enable-online-images enable-ntp storage network enable-check storage-args config-file token enable-exdb exdb-type exdb-host exdb-port exdb-user exdb-passwd excsdb-host excsdb-port excsdb-user excsdb-passwd enable-excsdb-only not-install-ui! install_ssh_port test!"
  ADD_FLAGS="hostname hosts-file-path config-file-path internal-ip external-ip root-pass private-key role podCIDR id install!"
  INSTALL_FLAGS="hosts-file-path config-file-path"
else
  INIT_FLAGS="role work_dir iip eip vip rainbond-version rainbond-repo install-type deploy-type domain pod-cidr enable-feature enable-online-images storage network enable-check storage-args config-file test!"
  ADD_FLAGS="hostname internal-ip external-ip root-pass private-key role podCIDR id install!"
  INSTALL_FLAGS=""
fi

noise() { [ -e ~/.kube/config ] || log error "error config k8s,stat /root/.kube/config: no such file or directory"; }

main() {
  local command=${1-}
  shift
  case $command in
    "" | -h | --help | help | h)
      usage "" "config kubeconfig help! version!"
      echo "COMMANDS: init node cluster show version"
      ;;
    -v | --version) echo "grctl version $VERSION-standin" ;;
    version) echo "Rainbond grctl $VERSION-standin-$(is51 && echo 2020-03-11-10 || echo 2019-03-05-10)" ;;
    domain)
      # Tells the vendor's name server, and never says whether it took it.
      parse domain "ip domain" "$@"
      if [ -n "${F[ip]-}" ]; then
        domain=$(sed -n 's/^domain: //p' $R/.init/domain.yaml 2> /dev/null)
        case $domain in *.grapps.cn) echo "*.$domain=${F[ip]}" > $R/.init/standin-public-dns ;; esac
      fi
      exit 0
      ;;
    init) parse init "$INIT_FLAGS" "$@"; init ;;
    cluster) parse cluster "" "$@"; noise; cluster ;;
    show) echo "Manager: http://$(cat $R/.init/.ip 2> /dev/null):7070" ;;
    node)
      local sub=${1-}
      shift
      case $sub in
        "" | -h | --help) usage "node list|get|add|install|up|down|cordon|uncordon|delete" "" ;;
        list) parse "node list" "" "$@"; noise; api && node_list ;;
        get) parse "node get" "output" "$@"; noise; node_get "${REST[0]-}" ;;
        add) parse "node add" "$ADD_FLAGS" "$@"; noise; node_add ;;
        install) parse "node install" "$INSTALL_FLAGS" "$@"; noise; node_install "${REST[0]-}" ;;
        up | down | cordon | uncordon) parse "node $sub" "" "$@"; noise; node_switch "$sub" "${REST[0]-}" ;;
        delete) parse "node delete" "" "$@"; noise; node_delete "${REST[0]-}" ;;
        *) echo "No help topic for '$sub'"; exit 3 ;;
      esac
      ;;
    *) echo "No help topic for '$command'"; exit 3 ;;
  esac
}

[ $# -gt 0 ] || set -- ""
main "$@"
