/** 设置: what the bureau decides about the whole service, each part for those whose role has it. */
import { AuditLog } from './audit.js';
import { Holidays } from './holidays.js';
import { Notices } from './notices.js';
import { Tabs } from './tabs.js';

const PARTS = [
  { name: 'notices', label: '公告与开关', right: 'announce', draw: Notices },
  { name: 'holidays', label: '节假日', right: 'manage', draw: Holidays },
  { name: 'audit', label: '审计日志', right: 'audit', draw: AuditLog, wide: true },
];

export const SETTING_RIGHTS = PARTS.map((part) => part.right);

export function SettingsPage({ me }) {
  return Tabs({ label: '设置', parts: PARTS, me });
}
