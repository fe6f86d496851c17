//! Every phrase of the site: Kyrgyz, Russian, English. Plain words: what the reader needs, not what the software does.

use super::lang::Word;

macro_rules! words {
    ($($name:ident: $ky:literal, $ru:literal, $en:literal;)*) => {
        $(pub(super) const $name: Word = Word([$ky, $ru, $en]);)*

        #[cfg(test)]
        const ALL: &[(&str, Word)] = &[$((stringify!($name), $name)),*];
    };
}

words! {
    // The frame.
    SKIP: "Мазмунга өтүү", "Перейти к содержанию", "Skip to content";
    LANGUAGES: "Тил", "Язык", "Language";
    SECTIONS: "Бөлүмдөр", "Разделы", "Sections";
    OVERVIEW: "Жалпы маалымат", "Обзор", "Overview";
    RESULTS: "Жыйынтыктар", "Результаты", "Results";
    CONSTITUENCIES: "Округдар", "Округа", "Constituencies";
    STATIONS: "Участкалар", "Участки", "Polling stations";
    IRREGULARITIES: "Белгилер жана четке кагуулар", "Отметки и отказы", "Flags and refusals";
    ACTS: "Чечимдер", "Решения", "Decisions";
    VERIFY: "Текшерүү", "Проверить", "Verify";
    HOW: "Кантип өзүңүз текшересиз", "Как проверить самому", "How to check this yourself";
    API: "Программалар үчүн (API)", "Для программ (API)", "For programs (API)";
    REHEARSAL: "Машыгуу. Бул чыныгы шайлоо эмес.", "Репетиция. Это не настоящие выборы.", "Rehearsal. This is not a real election.";
    NOT_FOUND: "Мындай барак жок", "Такой страницы нет", "There is no such page";
    NOT_FOUND_TEXT: "Дарек туура эмес, же бул жазуу али жарыялана элек.", "Адрес неверен, или эта запись ещё не опубликована.", "The address is wrong, or this record has not been published yet.";
    NOTHING_YET: "Азырынча эч нерсе жарыяланган жок", "Пока ничего не опубликовано", "Nothing has been published yet";
    NOTHING_YET_TEXT: "Уюмдар биринчи көзөмөл чекитине али кол коё элек. Бир аздан кийин кайра ачыңыз.", "Организации ещё не подписали первую контрольную точку. Откройте страницу чуть позже.", "The organisations have not signed a first checkpoint yet. Open the page again soon.";
    NODE_TROUBLE: "Бул түйүн азыр журналын окуй албай жатат", "Этот узел сейчас не может прочесть свой журнал", "This node cannot read its ledger now";
    NODE_TROUBLE_TEXT: "Калган ар бир түйүндө ошол эле журнал бар: башкасын ачыңыз.", "На каждом другом узле тот же журнал: откройте другой.", "Every other node holds the same ledger: open another one.";
    TIMES: "Убакыт — Бишкек боюнча (UTC+6).", "Время бишкекское (UTC+6).", "Times are those of Bishkek (UTC+6).";
    AS_JSON: "Ошол эле маалымат программалар үчүн (JSON)", "Те же данные для программ (JSON)", "The same data for programs (JSON)";

    // The checkpoint.
    CHECKPOINT: "Көзөмөл чекити", "Контрольная точка", "Checkpoint";
    CHECKPOINT_WHAT: "Бул барактагы бардык сандар ушул көзөмөл чекитине таандык.", "Все числа на этой странице относятся к этой контрольной точке.", "All figures on this page hold at this checkpoint.";
    ENTRIES: "Жазуулар", "Записей", "Entries";
    LAST_ENTRY: "Акыркы жазуу", "Последняя запись", "Last entry";
    SIGNED_BY: "Кол койгон уюмдар", "Подписали организации", "Signed by organisations";
    ROOT: "SHA-256 тамыры", "Корень SHA-256", "SHA-256 root";
    SIGNED_NOTE: "Кол коюлган текст", "Подписанный текст", "The signed text";
    ELECTION_ID: "Шайлоонун белгиси", "Идентификатор выборов", "Election id";

    // Turnout.
    TURNOUT: "Катышуу", "Явка", "Turnout";
    TURNOUT_CHART: "Расмий сааттар боюнча катышуу", "Явка по официальным часам", "Turnout by official hour";
    HOUR: "Саат", "Час", "Hour";
    SO_FAR: "азыр", "сейчас", "now";
    IDENTIFIED: "Идентификациядан өттү", "Прошли идентификацию", "Identified";
    ON_ROLL: "Тизмедеги шайлоочулар", "Избирателей в списке", "Voters on the roll";
    REMOTELY: "аралыктан", "дистанционно", "remotely";
    SHARE: "Үлүшү", "Доля", "Share";
    TURNOUT_NOTE: "Саналганы — идентификациядан өткөн шайлоочулар. Округ участка боюнча: аралыктан добуш бергендер келген участкасында саналат.", "Считаются избиратели, прошедшие идентификацию. Округ — по участку: проголосовавшие дистанционно считаются там, куда пришли.", "Counted are voters who were identified. Constituencies are those of the station: remote voters count where they came.";

    // Coverage and results.
    COVERAGE: "Камтуу", "Охват", "Coverage";
    OPENED_UNITS: "Ачылган бирдиктер", "Открыто комиссий (единиц)", "Units opened";
    CLOSED_UNITS: "Жабылган бирдиктер", "Закрыто комиссий (единиц)", "Units closed";
    HAND_PROTOCOLS: "Кол менен эсептөөнүн протоколдору", "Протоколы ручного подсчёта", "Protocols of the hand count";
    MACHINE_PROTOCOLS: "Машина эсебинин протоколдору", "Протоколы машинного подсчёта (АСУ)", "Protocols of the machine count";
    MACHINE: "Машина (АЭУ)", "Машина (АСУ)", "Machine";
    HAND: "Кол менен", "Вручную", "By hand";
    RECOUNT: "Кайра эсептөө", "Пересчёт", "Recount";
    TRANSCRIBED: "Кагаздан көчүрүлгөн", "Перенесено с бумаги", "Typed in from paper";
    DIFFERENCE: "Айырма", "Разница", "Difference";
    PRELIMINARY: "Алдын ала: кол менен эсептөө бүтө элек. Машина эсеби мыйзамдуу жыйынтык эмес.", "Предварительно: ручной подсчёт не завершён. Машинный подсчёт не является законным результатом.", "Preliminary: the hand count is not complete. Machine counts are not the legal result.";
    HAND_COMPLETE: "Кол менен эсептөө толук. Мыйзамдуу жыйынтыкты шайлоо комиссиясы бекитет.", "Ручной подсчёт полон. Законный результат утверждает избирательная комиссия.", "The hand count is complete. The legal result is declared by the election commission.";
    BLOCKED: "Контролдук катыштары бузулгандыктан эсепке кирбеген протоколдор", "Протоколы вне суммы: нарушены контрольные соотношения", "Protocols kept out of the sums: control relations do not hold";
    CONSTITUENCY: "Округ", "Округ", "Constituency";
    SEATS: "Мандаттар", "Мандаты", "Seats";
    CANDIDATE: "Талапкер", "Кандидат", "Candidate";
    VOTES: "Добуштар", "Голоса", "Votes";
    AGAINST_ALL: "Бардыгына каршы", "Против всех", "Against all";
    INVALID: "Жараксыз", "Недействительные", "Invalid";
    ELECTED: "мандат алат", "получает мандат", "gets a seat";
    ELECTED_LIST: "Мандат алышат", "Получают мандаты", "Who gets the seats";
    ANNULLED: "добуш берүү жараксыз деп табылды", "голосование признано недействительным", "the vote is annulled";
    UNCERTAIN: "жараксыз деп табылган участкалардын баракчалары чечиши мүмкүн", "могут решить бумаги аннулированных участков", "papers of annulled units may decide";
    INCOMPLETE: "маалымат толук эмес", "данные неполны", "counts are missing";
    NEEDS_LOT: "Добуштар тең: чүчүкулак керек", "Равенство голосов: нужен жребий", "A tie: a lot has to decide";
    MARGIN: "Айырма (добуш)", "Запас (голосов)", "Margin (votes)";
    MARGIN_NOTE: "Мандаты бар талапкерде — канча добуш кем болсо мандат жоголот; жогунда — канча добуш жетпейт.", "У избранного — при скольких голосах меньше мандат был бы потерян; у остальных — скольких голосов не хватает.", "For the elected: how many votes less would cost the seat. For the others: how many more would bring one.";
    SHARE_NOTE: "Үлүш — азырынча келип түшкөн жарактуу бюллетендерден («баарына каршы» дагы саналат; тизмеден чыгарылган талапкерге берилгендер саналбайт).", "Доля — от поступивших действительных бюллетеней («против всех» входит; голоса за исключённых не входят).", "Shares are of the valid papers that are in so far (against all included; votes for candidates struck out are not).";
    REMOTE_IN: "Алыстан берилген добуштардын өлкө боюнча суммасы кирди", "Сумма дистанционных голосов по стране учтена", "The nationwide sum of remote votes is in";
    REMOTE_OUT: "Алыстан берилген добуштардын суммасы али ачыла элек", "Сумма дистанционных голосов ещё не раскрыта", "The nationwide sum of remote votes is not opened yet";
    YES: "ооба", "да", "yes";
    NO: "жок", "нет", "no";

    // Stations.
    STATION: "Участка", "Участок", "Polling station";
    UNIT: "Бирдик", "Единица", "Unit";
    NUMBER: "Номер", "Номер", "Number";
    FIND: "Табуу", "Найти", "Find";
    STATUS: "Абалы", "Состояние", "Status";
    NOT_OPENED: "ачыла элек", "не открыт", "not opened";
    OPEN: "добуш берүү жүрүүдө", "идёт голосование", "voting";
    SUSPENDED: "токтотулган", "приостановлен", "suspended";
    CLOSED: "жабык", "закрыт", "closed";
    OFFLINE: "байланышсыз", "без связи", "offline";
    HOURS: "Иштөө убактысы", "Часы работы", "Hours";
    // Equipment in custody.
    EQUIPMENT: "Жабдуу", "Оборудование", "Equipment";
    EQUIPMENT_NOTE: "Журналда катталган жабдуунун эсеби: ар бир окуяга экиден кем эмес адам кол коёт. Участок ачылганда атаган номерлер менен салыштырылат.", "Учёт оборудования по журналу: каждое событие подписывают не менее двух человек. Сравнивается с номерами, которые участок назвал при открытии.", "The inventory as recorded in the ledger: at least two people sign each event. It is compared with the numbers that the station named when it opened.";
    NOT_IN_INVENTORY: "Бул номер эсепте жок; аны участок атаган.", "Этого номера нет на учёте; его назвал участок.", "This number is not in the inventory; a station named it.";
    SERIAL: "Сериялык номери", "Серийный номер", "Serial number";
    ITEM: "Түрү", "Вид", "Kind of equipment";
    SEALED: "Мөөрлөнгөн", "Опечатано", "Sealed";
    READY: "Даяр", "Готово", "Ready";
    DEPLOYED_HERE: "иштеп жаткан жабдуу", "оборудования в работе", "pieces in use";
    READY_OF_THEM: "даяры", "готово", "ready";
    NOT_READY: "Даяр эмес:", "Не готово:", "Not ready:";
    NOT_NAMED: "Эсеп боюнча ушул жерде, бирок участок атаган эмес:", "По учёту здесь, но участок не назвал:", "Here by the inventory, and not named by the station:";
    NAMED_ELSEWHERE: "Участок атаган, бирок эсеп боюнча башка жерде же иште эмес:", "Названо участком, но по учёту в другом месте или не в работе:", "Named by the station, and by the inventory elsewhere or not in use:";
    NAMED_UNKNOWN: "Участок атаган, бирок эсепте жок номерлер:", "Названо участком, но нет на учёте, номеров:", "Numbers named by the station that are not in the inventory:";
    KEY_REVOKED: "ачкычы жокко чыгарылган", "ключ отозван", "its key is revoked";
    ITEM_DEVICE: "идентификация аспабы", "устройство идентификации", "identification device";
    ITEM_PRINTER: "басма аспабы", "принтер", "printer";
    ITEM_SCANNER: "АЭУ", "АСУ", "reading box (АСУ)";
    ITEM_MODEM: "модем", "модем", "modem";
    ITEM_BOX: "стационардык куту", "стационарный ящик", "stationary box";
    ITEM_MOBILE_BOX: "көчмө куту", "переносной ящик", "mobile box";
    ITEM_KEY_CARRIER: "ачкыч сактагыч", "носитель ключей", "carrier of keys";
    ITEM_OTHER: "башка жабдуу", "другое оборудование", "other equipment";
    STAND_HELD: "колдо", "на руках", "held";
    STAND_STORED: "сакталууда", "на хранении", "stored";
    STAND_MOVING: "жолдо", "в пути", "on its way";
    STAND_DEPLOYED: "иште", "в работе", "in use";
    STAND_LOST: "жоголду", "утрачено", "lost";
    STAND_RETIRED: "эсептен чыкты", "списано", "retired";
    EVENT_ENTER: "эсепке алынды", "поставлено на учёт", "entered the inventory";
    EVENT_SEAL: "мөөрлөндү", "опечатано", "sealed";
    EVENT_UNSEAL: "мөөр алынды", "пломбы сняты", "unsealed";
    EVENT_STORE: "сактоого коюлду", "принято на хранение", "put into store";
    EVENT_HAND_OVER: "өткөрүп берилди", "передано", "handed over";
    EVENT_CHECK: "даярдыгы текшерилди", "готовность проверена", "readiness checked";
    EVENT_TAKE_BACK: "кайтарылды", "возвращено", "taken back";
    EVENT_FIND: "табылды", "найдено", "found";
    POINT_POWER: "электр", "питание", "power";
    POINT_BATTERY: "батарея", "батарея", "battery";
    POINT_CLOCK: "саат", "часы", "clock";
    POINT_SOFTWARE: "программа", "программа", "software";
    POINT_CONNECTION: "байланыш", "связь", "connection";
    POINT_PAPER: "кагаз", "бумага", "paper";
    POINT_READER: "окугуч", "считыватель", "reader";
    POINT_COUNTERS: "эсептегичтер нөлдө", "счётчики на нуле", "counters at zero";
    KIND_ORDINARY: "кадимки участка", "обычный участок", "ordinary station";
    KIND_REMOTE: "аралыктан добуш берүү үчүн гана", "только для дистанционного голосования", "remote voting only";
    KIND_ABROAD: "чет өлкөдө", "за рубежом", "abroad";
    BALANCE: "Тең салмак", "Баланс", "Balance";
    BALANCE_NOTE: "Бул сандар бири-бирине көз карандысыз саналат жана дал келиши керек.", "Эти числа считаются независимо и должны сходиться.", "These are counted independently of each other and have to agree.";
    IN_LEDGER: "Журнал боюнча", "По журналу", "By the ledger";
    BY_REPORT: "Акыркы отчет боюнча", "По последнему отчёту", "By the last report";
    WITHOUT_BALLOT: "Бюллетень берилбегендер", "Без бюллетеня", "Without a ballot";
    BOX_OUT: "көчмө куту сыртта", "переносной ящик вне участка", "the mobile box is out";
    DISCREPANCIES: "Дал келбеген сандар", "Что не сходится", "What does not add up";
    TERM_BALLOTS: "Берилген бюллетендер (басылган минус бузулган) бюллетень алган шайлоочулардын санына барабар болушу керек", "Выданные бюллетени (напечатано минус испорчено) должны равняться числу избирателей с бюллетенем", "Ballots given out (printed less spoiled) have to equal the voters with a ballot";
    TERM_SLIPS: "Сакталган чектер идентификациядан өткөндөргө туура келиши керек", "Сохранённые чеки должны соответствовать числу идентифицированных", "Slips kept have to fit the voters identified";
    TERM_PAPERS: "Сканерленген баракчалар бюллетень алган шайлоочулардан көп болбошу керек", "Бумаг в сканере не может быть больше, чем избирателей с бюллетенем", "Papers scanned may not exceed the voters with a ballot";
    TERM_IDENTIFIED: "Идентификациядан өткөндөр журналдагы санга туура келиши керек", "Идентифицированные должны соответствовать журналу", "Voters identified have to fit the ledger";
    TERM_SCANNED: "Сканерленген баракчалар пакеттерге туура келиши керек", "Бумаги в сканере должны соответствовать пакетам", "Papers scanned have to fit the batches";
    TERM_FELL: "Эсептегичтер азайбашы керек", "Счётчики не могут уменьшаться", "Counters may not fall";
    IDENTIFIED_LOCAL: "Идентификациядан өттү, өз округу", "Идентифицировано, свой округ", "Identified, own constituency";
    IDENTIFIED_REMOTE: "Идентификациядан өттү, башка округ", "Идентифицировано, другой округ", "Identified, other constituency";
    REFUSED_IDENTIFICATIONS: "Четке кагылган идентификациялар", "Отказы в идентификации", "Identifications refused";
    CONFLICTS: "Байланышсыз кайталоолор", "Повторы без связи", "Offline collisions";
    SLIPS: "Сакталган чектер", "Сохранено чеков", "Slips kept";
    SIGNATURES: "Тизмедеги колдор", "Подписей в списке", "Signatures in the list";
    PRINTED_OWN: "Басылган бюллетендер, өз округу", "Напечатано бюллетеней, свой округ", "Ballots printed, own constituency";
    PRINTED_OTHER: "Басылган бюллетендер, башка округдар", "Напечатано бюллетеней, другие округа", "Ballots printed, other constituencies";
    SPOILED: "Бузулуп, алмаштырылган", "Испорчено и заменено", "Spoiled and replaced";
    PAPERS: "Баракчалар (пакеттерде)", "Бюллетеней (в пакетах)", "Papers (in batches)";
    PROTOCOL: "Протокол", "Протокол", "Protocol";
    LINE: "Сап", "Строка", "Line";
    PAPER_CODE: "Кагаздагы код", "Код на бумаге", "Code on the paper";
    REASON: "Себеби", "Причина", "Reason";
    REASON_1: "арифметикалык ката", "арифметическая ошибка", "an error of arithmetic";
    REASON_2: "сан башка сапка жазылган", "число в чужой строке", "a figure in a wrong line";
    REASON_3: "кайра саналды", "пересчитано", "counted again";
    REASON_4: "комиссиянын же соттун чечими", "решение комиссии или суда", "decided by a commission or a court";
    REASON_5: "кагаз окулбайт", "бумага не читается", "the paper could not be read";
    REASON_6: "ачкыч жоголуп, кагаздан кайра саналды", "раскрытие утеряно, посчитано заново по бумаге", "an opening was lost, counted anew from the papers";
    REASON_7: "башка себеп", "иная причина", "another reason";
    REASON_0: "көрсөтүлгөн эмес", "не указана", "none given";
    SIGNED_BY_MEMBERS: "Кол койду", "Подписали", "Signed by";
    DISSENTING: "Өзгөчө пикирде", "Особое мнение", "Dissenting";
    ABSENT: "Катышкан жок", "Отсутствовали", "Absent";
    OF_MEMBERS: "катталган мүчөлөр", "зарегистрировано членов", "registered members";
    COUNTERSIGNED: "Байкоочулар жана башкалар", "Наблюдатели и другие", "Observers and others";
    ASSENTS: "Ушул эле сандарды көрдү", "Видели те же числа", "Saw the same figures";
    COPIES_SAME: "Көчүрмөсү дал келет", "Копия совпадает", "Copy agrees";
    COPIES_DIFFER: "Көчүрмөсү айырмаланат", "Копия отличается", "Copy differs";
    COPIES_REFUSED: "Көчүрмө берилген жок", "Отказ в копии", "Copy refused";
    NOT_POSTED: "Протокол илинген эмес", "Протокол не вывешен", "Not posted";
    OWN_COUNTS: "Өз округунун добуштары", "Голоса своего округа", "Votes of the own constituency";
    TOO_FEW: "Көрсөтүлбөйт: баракча өтө аз, добуштун купуялуулугу үчүн. Алар өлкө боюнча суммага кирет.", "Не показывается: слишком мало бюллетеней, ради тайны голосования. Они входят в общую сумму по стране.", "Not shown: too few papers, for the secrecy of the vote. They are part of the nationwide sum.";
    NO_PROTOCOL: "Протокол али келе элек.", "Протокола ещё нет.", "No protocol yet.";
    EMBARGO: "Эмбарго аяктаганга чейин талапкерлер боюнча сандар көрсөтүлбөйт:", "До конца эмбарго числа по кандидатам не показываются:", "Counts by candidate are not shown before the embargo ends:";
    BLOCKED_HERE: "Бул протокол эсепке кирген жок: катуу контролдук катыш бузулган.", "Этот протокол не учтён: нарушено обязательное контрольное соотношение.", "This protocol is not counted: a hard control relation does not hold.";
    RECORDS: "Жазуулар", "Записи", "Records";
    RECORDS_NOTE: "Идентификациялар тизмеленбейт: ким качан келгени көрүнбөшү керек.", "Идентификации не перечисляются: кто и когда пришёл, не должно быть видно.", "Identifications are not listed: who came when must not be seen.";
    LISTS_BEHIND: "Тизме азырынча ушунча жазууну камтыйт:", "Список пока охватывает записей:", "The list covers so far this many entries:";
    NEXT: "Кийинки", "Дальше", "Next";
    FIRST: "Башынан", "С начала", "From the beginning";
    NONE: "Жок.", "Нет.", "None.";

    // Records.
    RECORD: "Жазуу", "Запись", "Record";
    TIME: "Убакыт", "Время", "Time";
    KIND: "Түрү", "Вид", "Kind";
    VERDICT: "Чечим", "Вердикт", "Verdict";
    ACCEPTED: "кабыл алынды", "принята", "accepted";
    FLAGGED: "белги менен кабыл алынды", "принята с отметками", "accepted with flags";
    REFUSED: "четке кагылды", "отклонена", "refused";
    FLAGS: "Белгилер", "Отметки", "Flags";
    SIGNERS: "Кол койгон ачкычтар", "Подписавшие ключи", "Keys that signed";
    RECORD_ID: "Жазуунун белгиси", "Идентификатор записи", "Record id";
    CONTENT: "Мазмуну", "Содержание", "Content";
    STUB: "Мазмуну ачык болбошу керек болгон үчүн жазуунун изи гана калтырылды.", "Содержание не должно быть открытым, поэтому оставлен только след записи.", "Only a trace of the record is kept, because its content must not be public.";
    CORRECTS: "Бул жазуу мурдагысын оңдойт", "Эта запись исправляет прежнюю", "This record corrects an earlier one";
    BEFORE: "Мурда", "Было", "Before";
    AFTER: "Азыр", "Стало", "After";
    UNCHANGED: "Сандар өзгөргөн жок.", "Числа не изменились.", "No figure has changed.";
    VERIFY_RECORD: "Бул жазууну браузерде текшерүү", "Проверить эту запись в браузере", "Verify this record in the browser";
    WITHOUT_SCRIPT: "Скриптсиз: буйрукту иштетиңиз", "Без скриптов: выполните команду", "Without scripts: run the command";
    RECEIPT: "Квитанция", "Квитанция", "Receipt";

    // Kinds, phases, bases, stages.
    KIND_ELECTION: "Негиздөөчү жазуу", "Учредительная запись", "Genesis record";
    KIND_DEFINITION: "Шайлоонун аныктамасы", "Определение выборов", "Definition of the election";
    KIND_KEY: "Ачкычтарды каттоо", "Регистрация ключей", "Keys registered";
    KIND_ROLL: "Шайлоочулардын тизмеси", "Список избирателей", "Voter roll";
    KIND_AMENDMENT: "Тизмеге өзгөртүүлөр", "Изменения в списке избирателей", "Roll amendment";
    KIND_PHASE: "Участканын иши", "Работа участка", "Phase of a station";
    KIND_IDENTIFICATION: "Идентификация", "Идентификация", "Identification";
    KIND_VOID: "Бюллетень берилген жок", "Бюллетень не выдан", "No ballot given";
    KIND_BATCH: "Бюллетень пакети", "Пакет бюллетеней", "Ballot batch";
    KIND_OPENING: "Сумманы ачуу", "Раскрытие суммы", "Opening of a sum";
    KIND_COUNTERSIGN: "Протоколдун көчүрмөсү жөнүндө билдирүү", "Сообщение о копии протокола", "Word on a protocol's copy";
    KIND_TABLE: "Жыйынтык таблица", "Сводная таблица", "Summary table";
    KIND_CUSTODY: "Жабдууну сактоо", "Хранение оборудования", "Custody of equipment";
    KIND_ACT: "Укуктук акт", "Правовой акт", "Legal act";
    KIND_CASE: "Арыз", "Жалоба", "Complaint";
    KIND_PROTOCOL: "Протокол", "Протокол", "Protocol";
    KIND_GOVERNANCE: "Уюмдардын чечими", "Решение организаций", "Decision of the organisations";
    KIND_SEAL: "Мөөр", "Печать", "Seal";
    KIND_OTHER: "Башка жазуу", "Другая запись", "Another record";
    PHASE_OPEN: "ачылды", "открытие", "opened";
    PHASE_SUSPEND: "токтотулду", "приостановка", "suspended";
    PHASE_RESUME: "улантылды", "возобновление", "resumed";
    PHASE_OFFLINE_START: "байланыш үзүлдү", "связь потеряна", "connection lost";
    PHASE_OFFLINE_END: "байланыш калыбына келди", "связь восстановлена", "connection back";
    PHASE_BALANCE: "аралык баланс", "промежуточный баланс", "running balance";
    PHASE_CLOSE: "жабылды", "закрытие", "closed";
    PHASE_BOX_OUT: "көчмө куту алып кетилди", "переносной ящик вынесен", "mobile box taken out";
    PHASE_BOX_IN: "көчмө куту кайтарылды", "переносной ящик возвращён", "mobile box back";
    PHASE_REPLACE: "жабдуу алмаштырылды", "замена оборудования", "equipment replaced";
    STAGE_ROLL: "тизме", "списки", "roll";
    STAGE_VOTING: "добуш берүү", "голосование", "voting";
    STAGE_RESULTS: "жыйынтыктар", "результаты", "results";
    STAGE_ARCHIVE: "архив", "архив", "archive";

    // Irregularities, acts.
    IRREGULARITIES_NOTE: "Бул жерде эреже менен келишпеген ар бир жазуу көрсөтүлөт: эч нерсе жашырылбайт. Белги бузуунун далили эмес, текшерүүгө себеп.", "Здесь каждая запись, которая не сходится с правилами: ничего не скрыто. Отметка — не доказательство нарушения, а повод проверить.", "Every record that does not fit a rule is here: nothing is hidden. A flag is no proof of a violation but a reason to look.";
    SECOND_ATTEMPTS: "Кайра добуш берүүгө аракеттер (четке кагылды)", "Попытки пройти второй раз (отклонены)", "Second attempts (refused)";
    WRONG_STATION: "Башка участкага келгендер (четке кагылды)", "Пришли не на свой участок (отклонены)", "At a wrong station (refused)";
    ACTS_NOTE: "Мөөрлөр, уюмдардын чечимдери жана укуктук актылар, убакыт боюнча. Эч нерсе өчүрүлбөйт: жаңы чечим эскисинин үстүнө жазылат.", "Печати, решения организаций и правовые акты по времени. Ничего не стирается: новое решение записывается поверх старого.", "Seals, decisions of the organisations and legal acts in order of time. Nothing is erased: a new decision is written after the old one.";

    ACTS_LEGAL: "Укуктук актылар", "Правовые акты", "Legal acts";
    ACTS_SEALS: "Мөөрлөр жана уюмдардын чечимдери", "Печати и решения организаций", "Seals and decisions of the organisations";
    ACTS_CASES: "Арыздар жана окуялар", "Жалобы и происшествия", "Complaints and incidents";
    ACTS_TABLES: "Жыйынтык таблицалар", "Сводные таблицы", "Summary tables";
    ACTS_TABLES_NOTE: "Ар бир таблицанын ар бир саны ал аталган протоколдордун азыркы суммасы менен салыштырылат.", "Каждое число таблицы сверяется с нынешней суммой протоколов, которые она называет.", "Every figure of a table is compared with the sum, now, of the protocols that it names.";
    ISSUED_BY: "Ким чыгарды", "Кем издан", "Issued by";
    DECIDES: "Эмнени чечет", "Что решает", "What it decides";
    ABOUT: "Эмне жөнүндө", "О чём", "About";
    ABOUT_ELECTION: "шайлоо", "выборы", "the election";
    IN_FORCE: "күчүндө", "действует", "in force";
    NOT_IN_FORCE: "күчүндө эмес", "не действует", "not in force";
    FINAL_ACT: "даттанууга болбойт", "обжалованию не подлежит", "final";
    EFFECTIVE_FROM: "күчүнө кирет", "вступает в силу", "effective from";
    UNTIL: "чейин", "до", "until";
    DEADLINE: "Мөөнөтү", "Срок", "Deadline";
    NEWEST_STEP: "Акыркы кадам", "Последний шаг", "Newest step";
    HOLDS: "Бардык сандар дал келет", "Все числа сходятся", "Every figure agrees";
    HOLDS_NOT: "Дал келбеген сандар", "Не сходится", "Does not agree";
    STATED: "Таблицада", "В таблице", "In the table";
    DUE: "Булактардын суммасы", "Сумма источников", "Sum of its sources";
    VOID_SOURCES: "Күчүндө эмес булактар", "Источники, которые не действуют", "Sources not in force";
    UNCOVERED: "Камтылбаган бирдиктер", "Не охваченные единицы", "Units left out";
    EFFECT_ANNUL: "Добуш берүү жараксыз деп табылды", "Голосование признано недействительным", "The vote is void";
    EFFECT_CANCEL: "Акт жокко чыгарылды", "Акт отменён", "An act is cancelled";
    EFFECT_SUSPEND: "Актынын күчү токтотулду", "Действие акта приостановлено", "An act is suspended";
    EFFECT_STRIKE: "Талапкер тизмеден чыгарылды", "Кандидат исключён", "A candidate is struck out";
    EFFECT_WITHDRAW: "Талапкер баш тартты", "Кандидат отказался", "A candidate withdraws";
    EFFECT_RECOUNT: "Кайра саноо дайындалды", "Назначен пересчёт", "A recount is ordered";
    EFFECT_LOT: "Чүчүкулак тартылды", "Проведён жребий", "A lot was drawn";
    EFFECT_EXTEND: "Добуш берүү узартылды", "Голосование продлено", "Voting goes on for longer";
    EFFECT_ELECT: "Шайланды деп жарыяланды", "Объявлены избранными", "Declared elected";
    EFFECT_SUCCEED: "Мандат башка талапкерге өттү", "Мандат переходит другому", "A seat goes to another";
    ISSUER_CANDIDATE: "Талапкер", "Кандидат", "Candidate";
    ISSUER_PRECINCT: "Участкалык комиссия", "Участковая комиссия", "Precinct commission";
    ISSUER_CONSTITUENCY: "Округдук комиссия", "Окружная комиссия", "Constituency commission";
    ISSUER_CENTRAL: "БШК", "ЦИК", "Central commission";
    ISSUER_COURT: "Биринчи инстанциядагы сот", "Суд первой инстанции", "Court of first instance";
    ISSUER_APPEAL: "Апелляциялык сот", "Апелляционный суд", "Court of appeal";
    ISSUER_SUPREME: "Жогорку сот", "Верховный суд", "Supreme court";
    CASE_COMPLAINT: "Арыз", "Жалоба", "Complaint";
    CASE_INCIDENT: "Окуя", "Происшествие", "Incident";
    CASE_IDENTIFICATION: "Талашылган идентификация", "Оспоренная идентификация", "Disputed identification";
    CASE_FILED: "берилди", "подано", "filed";
    CASE_EXAMINED: "каралууда", "рассматривается", "under examination";
    CASE_GRANTED: "канааттандырылды", "удовлетворено", "granted";
    CASE_DISMISSED: "четке кагылды", "отклонено", "dismissed";
    CASE_WITHDRAWN: "кайтарып алынды", "отозвано", "withdrawn";
    CASE_APPEALED: "даттанылды, кайра ачык", "обжаловано, снова открыто", "appealed against, open again";

    // Nodes.
    NODES: "Түйүндөр", "Узлы", "Nodes";
    NODES_NOTE: "Бул түйүндүн өз маалыматы; көзөмөл чекити буга кепилдик бербейт.", "По данным этого узла; контрольной точкой это не подтверждено.", "By this node's own word; no checkpoint covers it.";
    NODE: "Түйүн", "Узел", "Node";
    ORGANISATION: "Уюм", "Организация", "Organisation";
    HEARD: "Акыркы кабар", "Последняя весть", "Last heard";
    SECONDS_AGO: "с мурун", "с назад", "s ago";
    THIS_NODE: "бул түйүн", "этот узел", "this node";
    NOT_HEARD: "кабар жок", "нет вестей", "not heard";

    // How to check.
    HOW_1: "Бул баракка да, бул түйүнгө да ишенүүнүн кереги жок. Ар бир жазуу журналда турат, ал бир нече уюмдун кошмо колтамгасы менен жарыяланат. Журналды эч ким билинбей өзгөртө албайт.", "Не нужно верить ни этой странице, ни этому узлу. Каждая запись стоит в журнале, который публикуется за совместными подписями нескольких организаций. Незаметно изменить его не может никто.", "You need not believe this page, nor this node. Every record stands in a ledger that is published under the joint signatures of several organisations. Nobody can change it unnoticed.";
    HOW_2: "Браузерде: «Текшерүү» барагында квитанцияңызды же сот үчүн топтомду ачыңыз, же каалаган жазуунун жанындагы баскычты басыңыз. Скрипт көзөмөл чекитин, далилди жана уюмдардын колтамгаларын өзү эсептеп текшерет.", "В браузере: откройте свою квитанцию или пакет для суда на странице «Проверить» или нажмите кнопку у любой записи. Скрипт сам пересчитает доказательство и проверит подписи организаций.", "In the browser: open your receipt or a court's bundle on the page “Verify”, or press the button beside any record. The script computes the proof and checks the organisations' signatures itself.";
    HOW_3: "Бул барактын түйүнүнө ишенбесеңиз: текшерүү барагын сактап алып, башка компьютерде, интернетсиз ачыңыз. Скрипт окууга боло турганчалык кыска.", "Если не доверяете узлу этой страницы: сохраните страницу проверки и откройте её на другом компьютере без сети. Скрипт достаточно короток, чтобы его прочесть.", "If you do not trust this page's node: save the verification page and open it on another computer without a network. The script is short enough to be read.";
    HOW_4: "Программа менен: tamga бүт журналды жүктөп, ар бир колтамганы жана ар бир чечимди кайра эсептейт.", "Программой: tamga загружает весь журнал и пересчитывает каждую подпись и каждый вердикт.", "With a program: tamga downloads the whole ledger and computes every signature and every verdict again.";
    HOW_5: "Шайлоонун белгисин (төмөндө) комиссиянын же байкоочунун кагаз жарыясы менен салыштырыңыз. Калганынын баары ушул белгиден көрүнөт.", "Сравните идентификатор выборов (ниже) с бумажной публикацией комиссии или наблюдателей. Всё остальное следует из него.", "Compare the election id (below) with what the commission or observers have published on paper. Everything else follows from it.";
    HOW_6: "Эмне далилденбейт: кагаздагы белги туура окулганы, адамдын өз эркинче добуш бергени, урнага ашыкча кагаз салынбаганы. Булар үчүн кагаз, кайра саноо жана байкоочулар бар.", "Что не доказывается: что пометка на бумаге прочитана верно, что человек голосовал свободно, что в урну не вложено лишнее. Для этого есть бумага, пересчёт и наблюдатели.", "What is not proven: that a mark on paper was read correctly, that a person voted freely, that nothing was put into a box besides. For that there are the paper, recounts and observers.";

    // Verification.
    VERIFY_INTRO: "Текшерүү ушул браузерде жүрөт. Түйүнгө эмне текшерип жатканыңыз керектүү файлдардын даректеринен гана көрүнөт.", "Проверка идёт в этом браузере. Узлу видны только адреса нужных файлов.", "Verification happens in this browser. The node sees only the addresses of the files it needs.";
    VERIFY_NOSCRIPT: "Браузерде текшерүү үчүн скрипттер керек. Скриптсиз tamga программасын колдонуңуз же баракты сактап, скрипттер иштеген башка жерде ачыңыз.", "Для проверки в браузере нужны скрипты. Без них используйте программу tamga или откройте сохранённую страницу там, где скрипты работают.", "Verifying in the browser needs scripts. Without them use the program tamga, or open the saved page where scripts run.";
    VERIFY_LEAF: "Жазуунун номери", "Номер записи", "Number of the record";
    VERIFY_RECEIPT: "Квитанция же сот үчүн топтом (файл же текст)", "Квитанция или пакет для суда (файл или текст)", "Receipt or court's bundle (file or text)";
    VERIFY_FILE: "Файлды ачуу", "Открыть файл", "Open a file";
    VERIFY_PASTE: "же текстти бул жерге коюңуз (base64 же JSON)", "или вставьте текст сюда (base64 или JSON)", "or paste its text here (base64 or JSON)";
    VERIFY_ID: "Шайлоонун белгиси (кагаз жарыядан)", "Идентификатор выборов (с бумажной публикации)", "Election id (from the publication on paper)";
    VERIFY_ID_HINT: "Бош калтырсаңыз, түйүн айткан белги колдонулат, бирок анда түйүн ишенимсиз болсо, текшерүү аны байкабайт.", "Если оставить пустым, берётся названный узлом; тогда проверка не заметит, если узел лжёт о нём.", "If left empty, the one that the node states is used; then the check cannot notice if the node lies about it.";
    VERIFY_NODE: "Түйүндүн дареги", "Адрес узла", "Address of a node";
    VERIFY_GENESIS: "Негиздөөчү жазуунун файлы (квитанцияны интернетсиз текшерүү үчүн; топтомдун ичинде бар)", "Файл учредительной записи (для проверки квитанции без сети; в пакете он есть)", "File of the genesis record (to check a receipt without a network; a bundle has it)";
    VERIFY_SAVE: "Бул текшерүү барагын сактап алуу (интернетсиз иштейт)", "Сохранить эту страницу проверки (работает без сети)", "Save this verification page (works without a network)";
    VERIFY_SCRIPT: "Скриптти окуу", "Прочитать скрипт", "Read the script";
    OWN: "Өз идентификациям", "Моя идентификация", "My identification";
    OWN_NOTE: "Добуш берүүгө мөөр басылгандан кийин регистр берген код менен өзүңүздүн идентификацияңызды (же анын жоктугунун далилин) таба аласыз. Код түйүнгө жөнөтүлбөйт: браузер даяр топтомдордун бирин толугу менен жүктөп алат.", "После печати «голосование» вы можете по коду от регистра найти свою идентификацию или доказательство, что её нет. Код не отправляется узлу: браузер загружает целиком одну из готовых корзин.", "After the Voting seal you can find your own identification, or the proof that there is none, with the code that the registry gives you. The code is not sent to the node: the browser downloads one of the ready buckets as a whole.";
    OWN_TAG: "Регистр берген код (64 белги)", "Код от регистра (64 знака)", "Code from the registry (64 characters)";
    OWN_NOT_YET: "Добуш берүүгө али мөөр басыла элек.", "Печати «голосование» ещё нет.", "The Voting seal is not there yet.";
    COMPARE: "Түйүндөрдү салыштыруу", "Сравнить узлы", "Compare nodes";
    COMPARE_NOTE: "Бир нече түйүндүн дарегин жазыңыз (ар бирин жаңы сапка). Браузер ар биринен көзөмөл чекитин сурап, бири экинчисинин уландысы экенин текшерет.", "Впишите адреса узлов, по одному в строке. Браузер спросит у каждого контрольную точку и проверит, что одна продолжает другую.", "Write the addresses of nodes, one a line. The browser asks each for its checkpoint and checks that one continues the other.";
    COMPARE_BUTTON: "Салыштыруу", "Сравнить", "Compare";
    SIDE_BY_SIDE: "Протоколдор жанаша", "Протоколы рядом", "Protocols side by side";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_phrase_is_missing_in_a_language() {
        for (name, Word(phrases)) in ALL {
            for phrase in phrases {
                assert!(!phrase.trim().is_empty(), "{name}");
            }
            // Latin letters in the Cyrillic texts are names only.
            let latin = |text: &str| text.chars().filter(char::is_ascii_alphabetic).count();
            assert!(latin(phrases[0]) < 16 && latin(phrases[1]) < 16, "{name}: {phrases:?}");
        }
    }
}
