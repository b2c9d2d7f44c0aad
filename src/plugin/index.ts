/** `podiod/plugin`: all that a plugin imports from podiod. */
export { z } from 'zod';
export type { CertainTest, Check } from '../core/condition.ts';
export { PermanentError, RetryAfter } from '../core/errors.ts';
export type { PodioEvent } from '../core/event.ts';
export type { Log } from '../core/log.ts';
export { isLoopback } from '../core/networks.ts';
export type {
  App,
  Comment,
  FieldValueJson,
  FileInfo,
  FilterResult,
  Item,
  ItemField,
  Task,
} from '../core/podio.ts';
export { msOf } from '../core/podio-time.ts';
export type { FieldValue, StepRead, StepWrite, ValueFault } from '../core/rule.ts';
export { showValues, testValues } from '../core/values.ts';
export { type FieldJson, FieldView } from '../language/field-view.ts';
export { itemJson } from '../language/item-json.ts';
export type { Moment } from '../language/moment.ts';
export { momentOf } from '../language/moment-of.ts';
export { filtersFor } from '../language/podio-filter.ts';
export { type Condition, type ConditionOption, conditionOption } from './condition.ts';
export type {
  Changes,
  Data,
  FieldChanged,
  Message,
  PluginContext,
  PluginDefinition,
  PluginInstance,
  PluginPodio,
  PluginStore,
  View,
  WriteOptions,
} from './contract.ts';
export { definePlugin } from './define.ts';
export { type ItemCondition, type ItemTest, itemConditionOption } from './item-condition.ts';
export { type Effect, once } from './once.ts';
export {
  appOption,
  fieldOption,
  fieldValuesOption,
  loginOption,
  pathOption,
  secretOption,
  sizeOption,
  templateOption,
  templateProblem,
} from './options.ts';
export type { Template, Templated, TemplatedOptions, TemplateOptions } from './template.ts';
export { compileTemplate, templated } from './template.ts';
export type {
  AppValue,
  CategoryValue,
  ContactValue,
  DateValue,
  DurationValue,
  EmailValue,
  EmbedValue,
  FileValue,
  LocationValue,
  MoneyValue,
  NumberValue,
  PhoneValue,
  ProgressValue,
  TextValue,
  TypedField,
  TypedItem,
  UnknownValue,
} from './typed.ts';
export { itemOf, valuesOf } from './typed.ts';
