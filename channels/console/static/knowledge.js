/** 知识: entries written, reviewed, taken in from files, published as versions, and tried out. */
import { Documents } from './documents.js';
import { Entries } from './entries.js';
import { Imports } from './imports.js';
import { Reviews } from './reviews.js';
import { Tabs } from './tabs.js';
import { Trial } from './trial.js';
import { Versions } from './versions.js';

const PARTS = [
  { name: 'entries', label: '条目', right: 'edit', draw: Entries, wide: true },
  { name: 'review', label: '审核', right: 'review', draw: Reviews, wide: true },
  { name: 'import', label: '导入导出', right: 'edit', draw: Imports, wide: true },
  { name: 'versions', label: '版本', right: 'publish', draw: Versions, wide: true },
  { name: 'try', label: '命中测试', right: 'edit', draw: Trial, wide: true },
  { name: 'documents', label: '依据与到期', right: 'edit', draw: Documents, wide: true },
];

export function KnowledgePage({ me }) {
  return Tabs({ label: '知识', parts: PARTS, me });
}
