//! Names: made-up people, workshops, suppliers, towns and parts in the scripts a shop meets.
//!
//! Latin with diacritics, Greek, Cyrillic, Arabic, Hebrew, Devanagari, Chinese, Japanese, Korean and
//! emoji. A person's two names come from one list, so nobody is called Ελένη 山本.

use super::dice::Dice;

/// A person or a workshop who buys parts.
pub(super) fn customer(dice: &mut Dice) -> String {
    if dice.one_in(5) {
        return dice.pick(WORKSHOPS).to_owned();
    }
    let (given, family, order) = dice.pick(PEOPLE);
    let (given, family) = (dice.pick(given), dice.pick(family));
    match order {
        Order::GivenFirst => format!("{given} {family}"),
        Order::FamilyFirst => format!("{family}{given}"),
    }
}

/// A company that delivers parts.
pub(super) fn supplier(dice: &mut Dice) -> String {
    format!("{} {}", dice.pick(SUPPLIERS), dice.pick(COMPANY_FORMS))
}

/// A part with its size or model.
pub(super) fn part(dice: &mut Dice) -> String {
    format!("{} {}", dice.pick(PARTS), dice.pick(MODELS))
}

/// Where somebody lives.
pub(super) fn town(dice: &mut Dice) -> &'static str {
    dice.pick(TOWNS)
}

/// Which of a person's names is written first.
#[derive(Debug, Clone, Copy, Default)]
enum Order {
    #[default]
    GivenFirst,
    /// And without a space between, as in Chinese, Japanese and Korean.
    FamilyFirst,
}

type People = (&'static [&'static str], &'static [&'static str], Order);

const PEOPLE: &[People] = &[
    (
        &["Zoë", "Jürgen", "Élodie", "Íñigo", "Åse", "Łucja", "Jiří", "Şebnem", "Ştefan", "Mária"],
        &["Grünwald", "Lefèvre", "Muñoz", "Ødegård", "Wójcik", "Dvořák", "Yıldız", "O’Brien"],
        Order::GivenFirst,
    ),
    (
        &["Ελένη", "Γιώργος", "Δήμητρα", "Νίκος", "Ασπασία"],
        &["Παπαδάκη", "Αλεξίου", "Βλάχου", "Σαμαρά"],
        Order::GivenFirst,
    ),
    (
        &["Олена", "Дмитрий", "Јелена", "Богдан", "Наталія"],
        &["Шевченко", "Бондаренко", "Тимошук", "Гриценко"],
        Order::GivenFirst,
    ),
    (&["ليلى", "يوسف", "مريم", "طارق"], &["حداد", "النجار", "الخطيب", "منصور"], Order::GivenFirst),
    (&["נועה", "אורי", "תמר", "יונתן"], &["לוי", "מזרחי", "פרידמן", "כהן"], Order::GivenFirst),
    (&["आरती", "विक्रम", "मीनाक्षी", "सुरेश"], &["शर्मा", "देशपांडे", "गुप्ता", "मिश्रा"], Order::GivenFirst),
    (&["伟", "秀英", "小龙"], &["王", "欧阳", "陈"], Order::FamilyFirst),
    (&["さくら", "健太", "陽子"], &["山本", "佐々木", "髙橋"], Order::FamilyFirst),
    (&["서연", "민준", "지우"], &["김", "박", "최"], Order::FamilyFirst),
];

const WORKSHOPS: &[&str] = &[
    "Garage du Château d’Eau",
    "Fahrradküche Süd 🚲",
    "Autoservis U Tří koní",
    "Taller Peñalver e Hijos",
    "🔧 Mira’s Motor Works",
    "Συνεργείο Ο Άνεμος",
    "Майстерня «Колесо»",
    "ورشة النجمة",
    "מוסך הצפון",
    "श्री गणेश मोटर्स",
    "东风修车行",
    "Taxi 4711 🚕🚕",
];

const SUPPLIERS: &[&str] = &[
    "Köhler & Söhne",
    "Ateliers Bézier",
    "Frenos Íbero",
    "Łódzkie Łożyska",
    "Çelik Yay",
    "Αφοί Καραγιάννη",
    "Завод «Світло»",
    "مؤسسة الفرات",
    "אחים ברק",
    "भारत पुर्ज़े",
    "长城配件",
    "ミナト部品",
    "한빛부품",
    "Nordlys Dæk",
];

const COMPANY_FORMS: &[&str] =
    &["GmbH", "S.à r.l.", "S.L.", "Sp. z o.o.", "Α.Ε.", "ТОВ", "Ltd", "AB"];

const TOWNS: &[&str] = &[
    "Unterlöwenau",
    "Saint-Étoile",
    "Villanueva del Páramo",
    "Øvre Sandvik",
    "Żabi Kąt",
    "Νέα Ακτή",
    "Липове",
    "عين الزيتون",
    "גבעת התמר",
    "नीलगाँव",
    "青石镇",
    "南浜",
    "해솔동",
];

const PARTS: &[&str] = &[
    "Bremsscheibe vorn",
    "Ölfilter",
    "Zündkerze",
    "Kühlerschlauch",
    "Türdichtung",
    "Filtre à air",
    "Câble d’embrayage",
    "Pastillas de freno",
    "Bujía de encendido",
    "Łożysko koła",
    "Świeca żarowa",
    "Žárovka",
    "Těsnění hlavy válců",
    "Fren balatası",
    "Yağ filtresi",
    "Φίλτρο λαδιού",
    "Τακάκια φρένων",
    "Тормозной диск",
    "Свеча зажигания",
    "Ремінь ГРМ",
    "فلتر زيت",
    "شمعة إشعال",
    "מסנן שמן",
    "רפידות בלם",
    "ब्रेक पैड",
    "तेल फ़िल्टर",
    "刹车片",
    "机油滤清器",
    "ブレーキパッド",
    "점화 플러그",
    "Wiper blade",
    "Wheel nut",
    "Fuse 5 × 20 mm",
    "Pine air freshener 🌲",
    "Headlamp kit 💡",
];

const MODELS: &[&str] = &[
    "M6",
    "M8",
    "M10×1.25",
    "180 mm",
    "220 mm",
    "280 mm",
    "½″",
    "¾″",
    "12 V",
    "24 V",
    "H4",
    "H7",
    "II",
    "Pro",
    "K-20",
    "K-25",
    "0,7 l",
    "(2 pcs)",
    "(4 pcs)",
    "’98–’04",
];
