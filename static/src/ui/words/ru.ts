/** Everything the page says, in Russian. */
import { DEEPEST, FIELDS, LONGEST, type Mistake, SEVERITY_NAMES } from "../../core/filter.ts";
import type { Words } from "./en.ts";

const rules = new Intl.PluralRules("ru");

const digits = new Intl.NumberFormat("ru");

/** Small numbers need no grouping, and a storm writes thousands of them. */
const grouped = (n: number) => (n < 1000 ? String(n) : digits.format(n));

const many = (count: number, one: string, few: string, other: string) => {
  const form = rules.select(count);
  return `${grouped(count)} ${form === "one" ? one : form === "few" ? few : other}`;
};

function mistake(wrong: Mistake): string {
  switch (wrong.kind) {
    case "tooLong":
      return `в фильтре символов: ${wrong.length}; принимается не больше ${LONGEST}`;
    case "tooDeep":
      return `скобки и отрицания вложены глубже ${DEEPEST}`;
    case "unknownField": {
      const hint = wrong.meant
        ? `может быть, ${wrong.meant}?`
        : `текст со знаком сравнения возьмите в кавычки; поля: ${FIELDS.join(", ")}`;
      return `неизвестное поле «${wrong.name}»; ${hint}`;
    }
    case "noField":
      return `перед ${wrong.sign} нужно поле; текст, который так начинается, возьмите в кавычки`;
    case "comparison": {
      const takes = { age: "<, <=, > и >=", sev: ":, <, <=, > и >=", u: ":, <, <=, > и >=" } as const;
      return `${wrong.field} сравнивают через ${takes[wrong.field as keyof typeof takes] ?? ":"}, а не ${wrong.sign}`;
    }
    case "noComparison":
      return `у ${wrong.flag} нет значения; пишите ${wrong.flag} или -${wrong.flag}`;
    case "noValue":
      return `сразу после ${wrong.after} нужно значение`;
    case "severity":
      return `«${wrong.text}» не важность; это 0–5 или ${SEVERITY_NAMES.join(", ")}`;
    case "age":
      return `«${wrong.text}» не возраст; это до 9 цифр и s, m, h, d или w, например 15m`;
    case "unit":
      return `«${wrong.text}» не юнит стойки; это до 9 цифр, например 40`;
    case "openQuote":
      return "эта кавычка не закрыта";
    case "emptyQuotes":
      return "между кавычками ничего нет";
    case "escape":
      return `неизвестно, что значит \\${wrong.character}; в кавычках пишите \\" вместо ", \\\\ вместо \\ и \\* вместо *`;
    case "crowded":
      return "здесь нужен пробел";
    case "openParenthesis":
      return "эта скобка не закрыта";
    case "closedParenthesis":
      return "эта скобка не открыта";
    case "nothingNegated":
      return "сразу после - нужно условие";
    case "noCondition":
      return `перед ${wrong.before} нужно условие`;
    case "end":
      return "здесь нужно условие, а фильтр кончился";
  }
}

export const ru: Words = {
  locale: "ru-RU",
  severity: ["Не классифицировано", "Информация", "Предупреждение", "Средняя", "Высокая", "Чрезвычайная"],
  age: {
    second: (n) => `${n} с`,
    minute: (n) => `${n} мин`,
    hour: (n) => `${n} ч`,
    day: (n) => `${n} д`,
  },
  ago: (age) => `${age} назад`,
  number: (n) => grouped(n),
  problems: (n) => many(n, "проблема", "проблемы", "проблем"),
  events: (n) => many(n, "событие", "события", "событий"),
  racks: (n) => many(n, "стойка", "стойки", "стоек"),
  devices: (n) => many(n, "устройство", "устройства", "устройств"),
  units: (n) => many(n, "юнит", "юнита", "юнитов"),

  top: {
    site: "Все",
    nowhere: "Без места",
    tabs: "Дата-центры",
    counters: "Проблемы по важности",
    counter: (severity, open, all) =>
      `${severity}: требуют действий ${open}, всего ${all}. Нажмите, чтобы отобрать.`,
    sources: "Источники",
    unplaced: "Без места",
    search: "Стойка, устройство, фильтр",
    searchLabel:
      "Найти стойку или устройство по имени, инвентарному или серийному номеру, или отобрать события",
    help: "Клавиши и знаки",
    language: "English",
    languageLabel: "Переключить на английский",
    palette: "Цвета",
    role: { viewer: "чтение", operator: "оператор", admin: "администратор" },
    roleOf: (name, role) => `${name}, ${role}`,
  },

  filter: {
    mistake,
    show: (events) => `Показать только это: ${events}`,
    clear: "Показать всё",
    passed: (some, all) => `событий: ${some} из ${all}`,
    notApplied: "Показано всё: фильтр неверен или ещё не применён.",
  },

  line: {
    live: "На связи",
    polling: "Нет живого соединения: картина приходит раз в несколько секунд",
    connecting: "Подключение",
    refused: "Вход не выполнен",
    revision: (n) => `ревизия ${n}`,
  },
  band: {
    notLive: "НЕТ СВЯЗИ",
    lastPicture: (age) => `Последней картине ${age}. Нарисованное могло измениться.`,
    clockUnknown: "Сервер не сообщает время, поэтому возраст картины неизвестен.",
    reconnect: "Повторить сейчас",
    refused: "Вход не выполнен.",
    login: "Войти снова",
  },

  source: {
    fresh: "свежий",
    late: "опаздывает",
    stale: "устарел",
    unknown: "ни разу не прочитан",
    partial: "прочитан не полностью",
    failed: "с ошибкой",
    inventory: "Инвентарь",
    comments: "Комментарии",
    templates: "шаблоны",
    fetched: "Последний полный ответ",
    never: "с запуска не было",
    status: "Последнее чтение",
    error: "Причина ошибки",
    counts: "Проблем по его счёту",
    staleMeaning: "Показано последнее, что он сообщил. Что изменилось с тех пор, неизвестно.",
  },

  map: {
    label: "Стойки по рядам. Стрелки перемещают, Enter открывает, Escape возвращает.",
    rackLabel: "Устройства стойки. Стрелки перемещают, Enter выбирает, Escape возвращает.",
    row: (name) => `Ряд ${name}`,
    crumbs: "Где вы",
    front: "Спереди",
    rear: "Сзади",
    beside: "Без юнита и внутри других",
    quiet: (n) => `и ещё ${n} внутри других без проблем`,
    gone: "В инвентаре нет такой стойки.",
    site: "Все стойки",
  },
  state: {
    calm: "спокойно",
    unwatched: "никто не наблюдает",
    silent: "нет данных: мониторинг молчит",
    partlySilent: "нет данных от части устройств",
    handled: (severity) => `в работе, худшая: ${severity}`,
    suppressed: "на обслуживании",
    dependent: "зависит от другой проблемы",
    incident: "авария стойки",
    fresh: "новое",
    unhandled: (n) => `требуют действий: ${n}`,
    total: (n) => `всего: ${n}`,
    atLeast: (n) => `≥ ${n}`,
    commented: "есть комментарии",
    ticketed: "есть тикет",
    noted: "есть заметка",
    elsewhere: "установлено и здесь, учтено в другой стойке",
    filteredOut: "не проходит фильтр",
  },
  legend: {
    label: "Знаки",
    calm: "спокойно",
    unwatched: "без наблюдения",
    silent: "нет данных",
    handled: "в работе",
    fresh: "новое",
  },

  panel: {
    label: "Подробности",
    now: "Требуют действий",
    nowIn: (place) => `Требуют действий: ${place}`,
    allCalm: "Действий не требуется.",
    below: (severity) => `Проблемы ниже уровня «${severity}» видны у своей стойки и учтены наверху.`,
    rack: "Стойка",
    device: "Устройство",
    tray: "Без места",
    trayEmpty: "У каждого события есть стойка.",
    trayMeaning: "Эти события активны, но не стоят ни в одной стойке. Причины:",
    noEvents: "Активных событий нет.",
    cut: (shown, total) => `Показано ${shown} из ${total}. Отберите по важности или месту.`,
    hidden: (n) => `Показать на обслуживании и зависимые: ${n}`,
    hide: "Скрыть обслуживание и зависимые",
    cleared: "Закрыты за последние пять минут",
    open: "Открыть стойку",
    close: "Назад",
    show: "Показать подробности",
    hidePanel: "Скрыть подробности",
    comment: "Примечание из инвентаря",
    inventoryPage: "Страница в инвентаре",
  },
  reason: {
    unknown_host: "В инвентаре нет такого хоста",
    ambiguous: "Это имя носят несколько устройств",
    no_rack: "Устройство не стоит ни в одной стойке",
    host_pending: "Источник ещё не сообщил, какой это хост",
    elsewhere: "Его стойки нет в инвентаре этой страницы; новый уже в пути",
  },
  reasonHint: {
    unknown_host: "Добавьте хост в инвентарь или дайте устройству имя или FQDN из мониторинга.",
    ambiguous: "Дайте одному из них FQDN, который использует мониторинг.",
    no_rack: "Установите устройство в стойку или в контейнер, который стоит в стойке.",
    host_pending: "Он будет прочитан при следующем обходе.",
    elsewhere: "Делать ничего не нужно: через несколько секунд событие встанет на место.",
  },

  event: {
    since: "Начало",
    host: "Хост",
    place: "Место",
    source: "Источник",
    data: "Данные",
    tags: "Теги",
    text: "Описание",
    wholeText: "Показать текст целиком",
    openAtSource: (source) => `Открыть в ${source}`,
    handled: {
      suppressed: "На обслуживании",
      dependent: "Зависит от другой активной проблемы",
      acknowledged: "Подтверждено",
      ticketed: "Тикет",
      note: "Тихая заметка на месте",
    },
    by: (who, when) => `${who}, ${when}`,
    until: (when) => `до ${when}`,
    untilWorsens: "пока не станет хуже",
    partial: "Замечено при незавершённом чтении; могут появиться ещё",
    flapping: (n) => `открытий за час: ${n}`,
    lastTime: (age) => `В прошлый раз закрылось ${age} назад`,
    gone: "Эта проблема больше не активна. Комментарии остаются.",
    noHost: "хост ещё не известен",
  },
  comments: {
    title: "Комментарии",
    none: "Пока никто ничего не написал.",
    write: "Что об этом известно?",
    send: "Отправить",
    sending: "Отправка…",
    edit: "Изменить",
    remove: "Удалить",
    reallyRemove: "Удалить насовсем?",
    save: "Сохранить",
    cancel: "Отмена",
    edited: "изменён",
    older: "Более ранние",
    failed: (why) => `Не сохранено: ${why}`,
    notLoaded: (why) => `Комментарии не читаются: ${why}`,
    viewer: "Вам доступно чтение. Писать может роль «оператор».",
    left: (n) => `осталось символов: ${n}`,
    key: "Ctrl+Enter отправляет",
    onTicket: (ticket) => `и в ${ticket}`,
  },
  ticket: {
    title: "Тикет",
    ask: "Тикет…",
    unnamed: "тикет",
    creating: "создаётся…",
    retrying: (why) => `ещё не отправлен: ${why}. Отправка повторится сама.`,
    failed: (why) => `тикет не создан: ${why}`,
    closed: "закрыт, проблема осталась",
    retry: "Повторить",
    edit: "Изменить",
    close: "Закрыть",
    again: "Попробовать снова",
    noEvents: "Сначала выберите событие, устройство или стойку, где есть что делать.",
    noTracker: "Трекер не настроен.",
    noTrackerHint:
      "Задайте heat-updater переменную HEAT_TRACKER: startrek или webhook, чтобы создавать тикеты отсюда, link, чтобы открывать их вручную.",
    notReady: (why) => `Не получено: ${why}`,
    notDone: (why) => `Не выполнено: ${why}`,
    trackerError: (why) => `Трекер сейчас не принимает тикеты: ${why}. Ваш уйдёт, когда он снова ответит.`,
    covers: (events) => `уже включает ${events} из выбранных.`,
    addTo: (events, ticket) => `Добавить остальные (${events}) в ${ticket}`,
    forOthers: (events) => `Новый тикет на остальные (${events})`,
    forAll: (events) => `Новый тикет на все (${events}), из прежнего они уйдут`,
    taken: "Кто-то успел раньше: часть событий уже в открытом тикете. Выберите, что делать.",
    template: "Шаблон",
    fitting: "Подходят к этим событиям",
    others: "Прочие",
    without: "Без шаблона",
    own: "Своими словами",
    existing: "Уже открыт в трекере",
    summary: "Заголовок",
    description: "Описание",
    queue: "Очередь",
    type: "Тип",
    priority: "Приоритет",
    assignee: "исполнитель",
    followers: "наблюдатели",
    components: "компоненты",
    tags: "теги",
    unedit: "Отменить мои правки",
    key: "Ключ тикета в трекере",
    openByHand: "Открыть заполненный в трекере",
    thenKey: "Затем введите здесь его ключ, чтобы его видели все.",
    noLink: "HEAT_TRACKER_LINK у heat-updater не адрес http или https.",
    members: (some, all) => `Событий: ${some} из ${all}`,
    none: "Ничего",
    all: "Все",
    over: "закрыто или уже в работе",
    sendsKey: "Ctrl+Enter отправляет",
    nothingChosen: "Нет событий для отправки",
    sending: "Отправка…",
    create: "Создать",
    add: "Добавить",
    attach: "Привязать",
    created: "создан",
    added: (events) => `пополнен: ${events}`,
    creatingLong: "Создаётся…",
    mayClose: "Окно можно закрыть: ключ появится на событиях.",
    nextAttempt: (when) => `Следующая попытка: ${when}.`,
    mend: "Исправьте и отправьте снова или отправьте как есть.",
    mendThere: "Возможно, тикет уже есть в трекере: посмотрите там, прежде чем повторять.",
    saveAndSend: "Сохранить и отправить",
  },
  templates: {
    title: "Шаблоны",
    tickets: "Тикеты",
    comments: "Комментарии",
    commit: "Коммит",
    noCommit: "ни один не действует",
    committed: "Дата коммита",
    pulled: "Получен",
    tracker: "Трекер",
    pending: (n) => `ждут отправки: ${n}`,
    failed: (n) => `не ушли: ${n}`,
    rejected: "новый отвергнут",
    rejectedLong: (commit) =>
      `Коммит ${commit} не действует. Остаётся последний исправный, пока не исправлено:`,
    notPulled: "не получены",
    notLoaded: (why) => `Шаблоны не читаются: ${why}`,
    none: "Шаблонов нет. Задайте heat-updater переменную HEAT_TEMPLATES_URL.",
    preview: "Предпросмотр",
    previewOn: (events) => `О выбранном, ${events}:`,
    choose: "Выберите шаблон, чтобы увидеть, что он скажет о выбранном.",
    selectFirst: "Сначала выберите событие или стойку, чтобы увидеть, что скажет шаблон.",
    viewer: "Предпросмотр доступен роли «оператор».",
  },

  empty: {
    waiting: "Ждём первую картину",
    waitingHint: "Страница подключается сама. Адрес:",
    noSnapshot: "Картина ещё не опубликована",
    noSnapshotHint:
      "Запущен ли heat-updater? Он публикует её, когда инвентарь и каждый источник хоть раз ответили или отказали.",
    noInventory: "Инвентаря нет, поэтому событиям негде стоять",
    noInventoryHint:
      "Задайте heat-updater переменную HEAT_INVENTORY_URL: mysql:// для RackTables, file:// для JSON или CSV, zabbix: для тегов и групп хостов.",
    emptyInventory: "В инвентаре нет стоек",
    emptyInventoryHint: "Проверьте, что читается по HEAT_INVENTORY_URL: heat-updater inventory export",
    inventoryComing: "Инвентарь в пути",
    inventoryComingHint: "Пока его нет, все события стоят в лотке «Без места».",
    noSources: "Мониторинг не настроен",
    noSourcesHint:
      "Задайте heat-updater переменные HEAT_ZABBIX_URL и HEAT_ZABBIX_TOKEN или HEAT_JUGGLER_URL.",
    status: "Страница состояния",
  },

  help: {
    title: "Клавиши и знаки",
    close: "Закрыть",
    keys: [
      ["/", "найти стойку или устройство, отобрать события"],
      ["← ↑ → ↓", "перейти к соседней стойке или устройству"],
      ["Enter  +", "открыть"],
      ["Esc  −", "назад"],
      ["u", "события без места"],
      ["t", "тикет на выбранное"],
      ["p", "показать или скрыть подробности"],
      ["?", "эта страница"],
    ],
    signs: [
      ["цвет", "худшая проблема, требующая действий; полоска внизу ячейки растёт с важностью"],
      ["число", "сколько их; авария стойки считается один раз"],
      ["тонкая штриховка", "в работе: подтверждено или есть открытый тикет"],
      ["серая штриховка", "нет данных: мониторинг молчит; поверх цвета: последнее известное"],
      ["пустая", "никто не наблюдает"],
      ["ключ, звенья", "на обслуживании; зависит от другой проблемы"],
      ["белый контур", "новое, до двух минут; двойной: авария стойки"],
      ["точка, угол, черта", "комментарий, тикет, заметка (на крупных ячейках)"],
    ],
    filterTitle: "Фильтры в строке поиска",
    filterHow: "Условия, стоящие рядом, должны выполняться все. Остальное тускнеет.",
    filters: [
      ["dc:sas row:12 rack:07 u>40", "где стоит"],
      ["host:srv-* src:zabbix tag:env=prod", "чьё; * значит что угодно"],
      ["sev>=high age>15m new", "насколько важно и давно: s, m, h, d, w"],
      ["-handled -ticket comment ack", "что сделано; - отрицает"],
      ["suppressed dependent incident note unplaced", "что ещё известно"],
      ['(power or "link down") name:eth*', "слова в хосте, устройстве, названии, тексте или тикете"],
    ],
    themeLabel: "Вокруг карты",
    themes: { dark: "Тёмная", light: "Светлая" },
    paletteLabel: "Цвета",
    palettes: { heat: "Heat (различимы при цветовой слепоте)", zabbix: "Zabbix" },
  },
};
