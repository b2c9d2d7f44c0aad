// The emulator as a process of its own: calls of its world's methods come over IPC as [id, name, args].
import { startEmulator } from 'podiod/testing';
import type { EmulatorAnswer } from './processes.ts';

const { url, world } = await startEmulator(JSON.parse(process.argv[2] ?? '{}'));
const members = world as unknown as Record<string, unknown>;
const send = (message: string | EmulatorAnswer) => process.send?.(message);

process.on('message', async ([id, name, args]: [number, string, unknown[]]) => {
  try {
    const member = members[name];
    const result = typeof member === 'function' ? await member(...args) : member;
    send([id, result, undefined]);
  } catch (error) {
    send([id, undefined, (error as Error).message]);
  }
});
process.on('disconnect', () => process.exit(0));
send(url);
