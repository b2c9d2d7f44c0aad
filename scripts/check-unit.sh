#!/usr/bin/env bash
# systemd's own opinion of config/podiod.service, as it is shipped.
set -euo pipefail
unit=$(cd "$(dirname "$0")/.." && pwd)/config/podiod.service
out=$(systemd-analyze verify "$unit" 2>&1) || { printf '%s\n' "$out"; exit 1; }
# verify answers 0 for keys that it does not know; what it prints of the unit counts too.
if printf '%s\n' "$out" | grep -F podiod.service; then exit 1; fi
echo 'unit: ok'
