// What the composition root builds Podio from.

export { type HearingPodioClient, makePodioClient, type PodioClientOptions } from './client.ts';
export { type Identity, identityKey, type PodioClient } from './contract.ts';
export { knowsField, makeFieldDirectory } from './fields.ts';
export { makeIdentities } from './identities.ts';
export { loginsTakeMs } from './login-pace.ts';
export { makeNames } from './names.ts';
export { makePluginPodio, type PluginCallScope, type PluginPodioOptions } from './plugin-podio.ts';
export { parseRequest } from './plugin-request.ts';
export type { PodioClock } from './podio-clock.ts';
export { type LearningItemReader, makeItemReader } from './reader.ts';
export { callsOver } from './reads.ts';
export { makeTokenKeep } from './token-keep.ts';
