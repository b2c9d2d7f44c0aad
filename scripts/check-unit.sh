#!/usr/bin/env bash
# systemd's own opinion of the units in config/, as they are shipped: what it can't read, and how exposed it finds them.
set -euo pipefail
cd "$(dirname "$0")/../config"
units=(podiod.service podiod.socket podiod@.service)

out=$(systemd-analyze verify "${units[@]}" 2>&1) || { printf '%s\n' "$out"; exit 1; }
# verify answers 0 for keys that it does not know; what it prints of the units counts too.
if printf '%s\n' "$out" | grep -F podiod; then exit 1; fi

# A template is rated as one of its instances.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp podiod.service "$dir"
cp podiod@.service "$dir/podiod-instance.service"
for unit in "$dir"/*.service; do
  # The threshold is ten times the score.
  systemd-analyze security --offline=true --threshold=20 "$unit" | tail -n 1
done
echo 'units: ok'
