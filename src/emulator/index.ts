/** A Podio for tests, plugin authors and the demo. Imports nothing from the rest of src, so that a misreading can't agree with itself. */
export type { EmulatorClock } from './clock.ts';
export { type Emulator, type EmulatorOptions, startEmulator } from './emulator.ts';
export { buildWorld, type PlannedApp, type WorldPlan } from './from-config.ts';
export type {
  Actor,
  App,
  Client,
  Comment,
  Contact,
  Field,
  FieldType,
  File,
  Hook,
  HookRef,
  Item,
  Revision,
  Space,
  Task,
  User,
} from './model.ts';
export { type Deed, type People, type PeopleOptions, startPeople } from './people.ts';
export {
  DEFAULT_LIMITS,
  DEFAULT_SWITCHES,
  type Faults,
  type Limits,
  type Milliseconds,
  NO_FAULTS,
  type Switches,
} from './settings.ts';
export type { ChangeOptions } from './world/accounts.ts';
export type { NewApp, NewField } from './world/apps.ts';
export type { NewHook } from './world/hooks.ts';
export type { ItemInput, ItemOptions, ItemView } from './world/items.ts';
export type { Delivery } from './world/sender.ts';
export type { NewTask } from './world/talk.ts';
export type { ApiRequest, World, WorldOptions } from './world/world.ts';
