/**
 * Whether an answer of Podio is what it should be. Only what podiod relies on is looked at; the rest is passed on as it came.
 * What is not, is told at the call that brought it, and not by whoever trips over it later.
 */
import type {
  App,
  AppField,
  FieldDifference,
  FilterResult,
  Item,
  ItemField,
  Revision,
} from '../core/podio.ts';
import { isRecord } from './json.ts';

export const isListOf =
  <T>(is: (element: unknown) => element is T) =>
  (value: unknown): value is T[] =>
    Array.isArray(value) && value.every(is);

const isId = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 1;
const isText = (value: unknown): value is string => typeof value === 'string';
const isOptional = (value: unknown, is: (value: unknown) => boolean): boolean =>
  value === undefined || value === null || is(value);

const areValues = isListOf(isRecord);

const isField = (value: unknown): value is Readonly<Record<string, unknown>> =>
  isRecord(value) && isText(value.external_id) && isText(value.type) && isOptional(value.config, isRecord);

const isItemField = (value: unknown): value is ItemField => isField(value) && areValues(value.values);

export const isItem = (value: unknown): value is Item =>
  isRecord(value) && isId(value.item_id) && isListOf(isItemField)(value.fields);

export const isDifference = (value: unknown): value is FieldDifference =>
  isField(value) && isId(value.field_id) && areValues(value.from) && areValues(value.to);

export const isRevision = (value: unknown): value is Revision =>
  isRecord(value) && Number.isSafeInteger(value.revision);

export const isFilterResult = (value: unknown): value is FilterResult =>
  isRecord(value) && isListOf(isItem)(value.items);

const isAppField = (value: unknown): value is AppField =>
  isField(value) &&
  isId(value.field_id) &&
  isOptional(value.label, isText) &&
  isOptional(value.status, isText) &&
  isOptional(isRecord(value.config) ? value.config.label : undefined, isText);

export const isApp = (value: unknown): value is App & { readonly token?: unknown } =>
  isRecord(value) &&
  isId(value.app_id) &&
  isRecord(value.config) &&
  isText(value.config.name) &&
  isOptional(value.config.item_name, isText) &&
  isListOf(isAppField)(value.fields);
