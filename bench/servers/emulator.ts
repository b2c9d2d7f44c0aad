// An emulated Podio in a process of its own: prints its port, and on each line of its input the calls it has had since.
import { startEmulator } from '../../src/emulator/index.ts';

const APPS = Number(process.argv[2] ?? 1);
const { url, world } = await startEmulator({ allowAnyPort: true, logSize: 100_000, hookLimit: 100 });
world.addClient({ clientId: 'podiod', clientSecret: 'client-secret' });
world.addUser({ name: 'Bot', username: 'bot@example.com', password: 'bot-password' });
world.addSpace({ spaceId: 7, name: 'Bench' });
for (let n = 0; n < APPS; n++) {
  const appId = 101 + n;
  world.addApp({
    appId,
    spaceId: 7,
    name: `app-${n}`,
    token: `token-${appId}`,
    fields: [{ externalId: 'title', type: 'text' }],
  });
}
process.stdin.setEncoding('utf8').on('data', () => {
  const calls: Record<string, number> = {};
  for (const { operation = 'unknown', path } of world.requests) {
    const name = path.includes('/oauth/') ? 'login' : operation;
    calls[name] = (calls[name] ?? 0) + 1;
  }
  world.clearLogs();
  console.log(JSON.stringify(calls));
});
process.stdin.on('end', () => process.exit(0));
console.log(new URL(url).port);
