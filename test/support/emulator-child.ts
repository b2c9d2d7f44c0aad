// The emulator as a process of its own: calls come over IPC as [id, path, args], answers go back as [id, result, error].
import { type Emulator, startEmulator } from '../../src/emulator/index.ts';

const emulator: Emulator = await startEmulator(JSON.parse(process.argv[2] ?? '{}'));
const send = (message: unknown) => process.send?.(message);

process.on('message', async ([id, path, args]: [number, string, unknown[]]) => {
  try {
    // `world.addApp`: the method and what it is called on.
    const names = path.split('.');
    const method = names.pop() as string;
    const target = names.reduce(
      (at, name) => (at as Record<string, never>)[name],
      emulator as unknown,
    ) as Record<string, unknown>;
    const member = target[method];
    send([id, typeof member === 'function' ? await member.apply(target, args) : member, undefined]);
  } catch (error) {
    send([id, undefined, (error as Error).message]);
  }
});
process.on('disconnect', () => process.exit(0));
send(['ready', emulator.url]);
