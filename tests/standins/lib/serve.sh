# Stand-in for tests: the ports and health pages of rbd-gateway, rbd-api, rbd-app-ui. Plain http, also on 443 and 8443.
name=$1
www=/run/standin-$name
mkdir -p "$www/v2"
echo "stand-in for tests: $name" > "$www/index.html"
echo ok > "$www/healthz"
echo '{"status":"health","info":"stand-in"}' > "$www/v2/health"
case $name in
  rbd-gateway) ports="127.0.0.1:10254 0.0.0.0:18080 0.0.0.0:80 0.0.0.0:443" ;;
  rbd-api) ports="127.0.0.1:8888 0.0.0.0:8443" ;;
  rbd-app-ui) ports="0.0.0.0:7070 0.0.0.0:6060" ;;
  *) exit 64 ;;
esac
for port in $ports; do busybox httpd -f -p "$port" -h "$www" & done
# One that ends ends all: the unit shows it.
wait -n
exit 1
