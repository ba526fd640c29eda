# Stand-in for tests: the ports and health pages of rbd-gateway, rbd-api, rbd-app-ui, kube-apiserver. Plain http, also on 443 and 8443.
name=$1
flag() { printf '%s\n' "${args[@]}" | sed -n "s/^--$1=//p" | tail -1; }
args=("${@:2}")
www=/run/standin-$name
mkdir -p "$www/v2"
echo "stand-in for tests: $name" > "$www/index.html"
echo ok > "$www/healthz"
echo '{"status":"health","info":"stand-in"}' > "$www/v2/health"
case $name in
  rbd-gateway) ports="127.0.0.1:10254 0.0.0.0:18080 0.0.0.0:80 0.0.0.0:443" ;;
  rbd-api) ports="127.0.0.1:8888 0.0.0.0:8443" ;;
  rbd-app-ui) ports="0.0.0.0:7070 0.0.0.0:6060" ;;
  kube-apiserver)
    port=$(flag secure-port)
    ports="127.0.0.1:$(flag insecure-port) $(flag bind-address):${port:-6443}"
    echo '{"gitVersion": "stand-in for tests"}' > "$www/version"
    ;;
  *) exit 64 ;;
esac
for port in $ports; do busybox httpd -f -p "$port" -h "$www" & done
# What the gateway cannot have now it has as soon as it is free; the rest goes on.
if [ "$name" = rbd-gateway ]; then
  while :; do
    busybox httpd -f -p 0.0.0.0:6443 -h "$www" 2> /dev/null
    sleep 1
  done &
fi
# One that ends ends all: the unit shows it.
wait -n
exit 1
