/** App definitions: fields, views, and how they change. */
import type { Context } from '../context.ts';
import type {
  App,
  CategoryOption,
  Field,
  FieldSettings,
  FieldType,
  HookRef,
  Occurrence,
  View,
} from '../model.ts';
import type { Accounts, ChangeOptions } from './accounts.ts';

export interface NewField {
  readonly externalId: string;
  readonly type: FieldType;
  /** Default: the external id in words. */
  readonly label?: string;
  readonly fieldId?: number;
  /** As in Podio's `config.settings`. Category options may be given as plain texts. */
  readonly settings?: FieldSettings;
}

export interface NewApp {
  readonly appId?: number;
  readonly spaceId: number;
  readonly name: string;
  /** What one item is called. */
  readonly itemName?: string;
  /** Default: made up. */
  readonly token?: string;
  readonly fields: readonly NewField[];
}

export interface Apps {
  /** Fires app.create. */
  addApp(app: NewApp, options?: ChangeOptions): App;
  app(appId: number): App | undefined;
  apps(): readonly App[];
  field(fieldId: number): Field | undefined;
  addView(appId: number, view: { name: string; filters: Readonly<Record<string, unknown>> }): View;
  /** Each of these makes a revision of the definition and fires app.update. `field` is an external id or a field id. */
  renameApp(appId: number, name: string, options?: ChangeOptions): void;
  addField(appId: number, field: NewField, options?: ChangeOptions): Field;
  renameField(appId: number, field: string | number, label: string, options?: ChangeOptions): void;
  /** Values of the old type are no longer shown. */
  retypeField(
    appId: number,
    field: string | number,
    type: FieldType,
    settings?: FieldSettings,
    options?: ChangeOptions,
  ): void;
  deleteField(appId: number, field: string | number, options?: ChangeOptions): void;
  /** Fires app.delete; the app's token is dead from then on. */
  deleteApp(appId: number, options?: ChangeOptions): void;
}

const COLORS = ['DCEBD8', 'D2E4EB', 'FFD5D1', 'F7F0C5', 'DDDDDD', 'E1D8ED'];

function normalize({ options, ...settings }: FieldSettings): FieldSettings {
  if (!Array.isArray(options)) return settings;
  const list: CategoryOption[] = options.map((option: unknown, index) => ({
    id: index + 1,
    color: COLORS[index % COLORS.length] ?? 'DDDDDD',
    status: 'active',
    ...(typeof option === 'object' ? option : {}),
    text: typeof option === 'object' && option && 'text' in option ? String(option.text) : String(option),
  }));
  return { multiple: false, display: 'inline', ...settings, options: list };
}

const labelOf = (externalId: string): string => {
  const words = externalId.replaceAll(/[-_]+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

export function makeApps(context: Context, accounts: Accounts): Apps {
  const apps = new Map<number, App>();
  const fields = new Map<number, Field>();

  const need = (appId: number): App => {
    const app = apps.get(appId);
    if (!app) throw new Error(`no app ${appId} in the emulated world`);
    return app;
  };
  const needField = (app: App, key: string | number): Field => {
    const field = app.fields.find(each => each.externalId === key || each.fieldId === key);
    if (!field) throw new Error(`app ${app.appId} has no field ${key}`);
    return field;
  };
  const tell = (type: string, app: App, ref: HookRef, options: ChangeOptions = {}): void => {
    const occurrence: Occurrence = { type, refs: [ref], params: [['app_id', String(app.appId)]] };
    if (options.hook ?? true) context.emit(occurrence);
    context.changed();
  };
  const changed = (app: App, options?: ChangeOptions): void => {
    app.revision += 1;
    tell('app.update', app, { type: 'app', id: app.appId }, options);
  };
  const makeField = (app: App, given: NewField): Field => {
    const { externalId, type, label = labelOf(externalId), settings = {} } = given;
    const fieldId = given.fieldId ?? context.nextId('field');
    const field: Field = {
      fieldId,
      appId: app.appId,
      externalId,
      type,
      label,
      status: 'active',
      settings: normalize(settings),
    };
    app.fields.push(field);
    fields.set(fieldId, field);
    return field;
  };

  return {
    addApp(given, options = {}) {
      if (!accounts.space(given.spaceId)) throw new Error(`no space ${given.spaceId} in the emulated world`);
      const app: App = {
        appId: given.appId ?? context.nextId('app'),
        spaceId: given.spaceId,
        name: given.name,
        itemName: given.itemName ?? given.name.replace(/s$/, ''),
        token: given.token ?? context.random.hex(32),
        status: 'active',
        revision: 0,
        fields: [],
        views: [],
        lastItemNumber: 0,
        created: accounts.authorship(options),
      };
      apps.set(app.appId, app);
      for (const field of given.fields) makeField(app, field);
      tell('app.create', app, { type: 'space', id: app.spaceId }, options);
      return app;
    },
    app: appId => apps.get(appId),
    apps: () => [...apps.values()],
    field: fieldId => fields.get(fieldId),
    addView(appId, { name, filters }) {
      const view = { viewId: context.nextId('view'), name, filters };
      need(appId).views.push(view);
      return view;
    },
    renameApp(appId, name, options) {
      const app = need(appId);
      app.name = name;
      changed(app, options);
    },
    addField(appId, given, options) {
      const app = need(appId);
      const field = makeField(app, given);
      changed(app, options);
      return field;
    },
    renameField(appId, key, label, options) {
      const app = need(appId);
      needField(app, key).label = label;
      changed(app, options);
    },
    retypeField(appId, key, type, settings = {}, options = {}) {
      const app = need(appId);
      const field = needField(app, key);
      field.type = type;
      field.settings = normalize(settings);
      changed(app, options);
    },
    deleteField(appId, key, options) {
      const app = need(appId);
      needField(app, key).status = 'deleted';
      changed(app, options);
    },
    deleteApp(appId, options) {
      const app = need(appId);
      app.status = 'deleted';
      tell('app.delete', app, { type: 'app', id: appId }, options);
    },
  };
}
