/** Shapes of Podio's answers that podiod reads. Unknown keys are kept as they come. */

/** Section 8.1, without the fields. */
export interface ItemHead {
  readonly item_id: number;
  readonly app_item_id?: number;
  readonly external_id?: string | null;
  readonly title: string;
  readonly link?: string;
  readonly revision?: number;
  readonly app?: { readonly app_id: number; readonly [key: string]: unknown };
  readonly tags?: readonly string[];
  readonly created_on?: string;
  readonly last_edit_on?: string;
  readonly [key: string]: unknown;
}

/** `fields` leaves out the empty ones. */
export interface Item extends ItemHead {
  readonly fields: readonly ItemField[];
}

/** Section 9. The shape of one value depends on `type`; there may be no `value` key. */
export type FieldValueJson = Readonly<Record<string, unknown>>;

export interface ItemField {
  readonly field_id: number;
  readonly external_id: string;
  readonly type: string;
  readonly label: string;
  readonly values: readonly FieldValueJson[];
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Section 8.6. */
export interface FieldDifference {
  readonly field_id: number;
  readonly external_id: string;
  readonly type: string;
  readonly label: string;
  readonly from: readonly FieldValueJson[];
  readonly to: readonly FieldValueJson[];
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Section 8.5. `item_revision_id` is a global id here, not the running number. */
export interface Revision {
  readonly revision: number;
  readonly item_revision_id?: number;
  readonly type: string;
  readonly created_on: string;
  readonly created_by?: Readonly<Record<string, unknown>>;
  readonly created_via?: { readonly id: number; readonly name?: string; readonly [key: string]: unknown };
}

/** Podio's own pages are the client with this id; every API key has another one. */
export const PODIO_ITSELF = 1;

/** Section 13. */
export interface App {
  readonly app_id: number;
  readonly space_id?: number;
  readonly status: string;
  readonly config: { readonly name: string; readonly item_name?: string; readonly [key: string]: unknown };
  readonly fields: readonly AppField[];
  readonly [key: string]: unknown;
}

export interface AppField {
  readonly field_id: number;
  readonly external_id: string;
  readonly type: string;
  readonly label: string;
  readonly status: string;
  readonly config: {
    readonly label?: string;
    readonly settings?: Readonly<Record<string, unknown>>;
    readonly [key: string]: unknown;
  };
}

/** Section 3. */
export interface Hook {
  readonly hook_id: number;
  readonly status: 'active' | 'inactive';
  readonly type: string;
  readonly url: string;
}

/** Section 13. */
export interface Comment {
  readonly comment_id: number;
  readonly value: string;
  readonly created_on?: string;
  readonly created_by?: Readonly<Record<string, unknown>>;
  readonly ref?: { readonly type: string; readonly id: number; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/** Section 13. `text` is its title. */
export interface Task {
  readonly task_id: number;
  readonly text: string;
  readonly status?: string;
  readonly due_date?: string | null;
  readonly created_on?: string;
  readonly responsible?: Readonly<Record<string, unknown>> | null;
  readonly ref?: { readonly type: string; readonly id: number; readonly [key: string]: unknown } | null;
  readonly [key: string]: unknown;
}

/** An attachment, as it also stands in an item's `files`. */
export interface FileInfo {
  readonly file_id: number;
  readonly name: string;
  readonly mimetype?: string;
  readonly size?: number;
  readonly link?: string;
  readonly [key: string]: unknown;
}

/** Section 8.3. */
export interface FilterResult {
  readonly total: number;
  readonly filtered: number;
  readonly items: readonly Item[];
}
