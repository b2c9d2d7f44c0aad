#!/usr/bin/env bash
# Packs podiod, installs the package into an empty folder and runs it there: on Node 24 (first argument: the folder of its
# binary) it must work, on an older Node it must refuse in one line.
set -euo pipefail
node24=${1:?usage: check-package.sh FOLDER_OF_NODE_24}
root=$(cd "$(dirname "$0")/.." && pwd)
old=$(PATH=$(printf '%s' "$PATH" | tr ':' '\n' | grep -v "node_modules" | paste -sd:) command -v node || true)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

tarball=$(cd "$root" && npm pack --ignore-scripts --silent --pack-destination "$dir")
mkdir "$dir/app"
cd "$dir/app"
echo '{ "name": "app", "private": true }' > package.json
PATH="$node24:$PATH" npm install --silent "$dir/$tarball"

PATH="$node24:$PATH" npx --no-install podiod --help | grep -q 'Usage: podiod'
PATH="$node24:$PATH" npx --no-install podiod demo --events 5
PATH="$node24:$PATH" node --input-type=module -e '
  import { definePlugin, z } from "podiod/plugin";
  import { startDaemon } from "podiod";
  import { startEmulator } from "podiod/testing";
  definePlugin({ name: "x", options: z.object({}), setup: () => ({ operator: messages$ => messages$ }) });
  if (typeof startDaemon !== "function" || typeof startEmulator !== "function") process.exit(1);'

# Its types, as programs and plugins of others meet them, under both ways of resolving modules that are in use.
cat > consumer.mts <<'END'
import { type DaemonHandle, startDaemon } from 'podiod';
import { definePlugin, z } from 'podiod/plugin';
import { startEmulator, testPlugin } from 'podiod/testing';
import { concatMap } from 'rxjs';

const plugin = definePlugin({
  name: 'consumer',
  options: z.object({ limit: z.int().default(3) }),
  setup: ({ limit }, { log }) => ({
    operator: messages$ =>
      messages$.pipe(
        concatMap(async message => {
          log.info('seen', { title: (await message.item()).title, limit: limit.toFixed() });
          return message.with({ limit });
        }),
      ),
  }),
});
// @ts-expect-error an operator is a function of a stream
definePlugin({ name: 'wrong', options: z.object({}), setup: () => ({ operator: 1 }) });
export const daemon: Promise<DaemonHandle> = startDaemon('podiorc.yml');
export const others = [plugin, startEmulator, testPlugin];
END
for resolution in 'nodenext nodenext' 'esnext bundler'; do
  PATH="$node24:$PATH" node "$root/node_modules/typescript/bin/tsc" --noEmit --strict --target es2024 --lib es2024,esnext.disposable \
    --typeRoots "$root/node_modules/@types" --types node --module "${resolution% *}" --moduleResolution "${resolution#* }" consumer.mts
done

if [ -n "$old" ] && [ "$("$old" -p 'process.versions.node.split(".")[0]')" -lt 24 ]; then
  set +e
  refusal=$("$old" node_modules/podiod/bin/podiod.js --help 2>&1)
  code=$?
  set -e
  [ "$code" -eq 1 ] && [ "$(printf '%s\n' "$refusal" | wc -l)" -eq 1 ] && printf '%s' "$refusal" | grep -q 'needs Node.js 24'
  echo "on $("$old" -v): $refusal"
else
  echo 'no older Node on this machine: its refusal was not tried'
fi
echo 'package: ok'
