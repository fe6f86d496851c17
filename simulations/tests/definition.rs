//! The model of the day is that of the definition that ships.

#![allow(clippy::unwrap_used, reason = "a test")]

use tamga_ledger::definition::Definition;
use tamga_simulations::definition::{
    StationKind, constituencies, constituency_of, election, kind_of, plan, same_sex_max,
};
use tamga_simulations::keys::MEMBER_QUORUM;
use tamga_simulations::scale::{ABROAD_2025, CONSTITUENCIES, ORDINARY_2025, REMOTE_STATIONS_2025, Size};
use tamga_simulations::schedule::Schedule;

fn defined(scale: f64) -> (Size, Definition) {
    let size = Size::at(scale).unwrap();
    let schedule = Schedule::new(&size, 1_000, 500.0, 100);
    let (_, definition) = plan(&size, &schedule).into_parts().unwrap();
    (size, definition)
}

#[test]
fn the_model_of_the_day_is_that_of_the_definition() {
    let shipped = &election().definition;
    let of_kind = |kind: StationKind| shipped.stations.iter().filter(|one| one.station_kind == kind as u8).count();
    assert_eq!(of_kind(StationKind::Ordinary), ORDINARY_2025 as usize);
    assert_eq!(of_kind(StationKind::Remote), REMOTE_STATIONS_2025 as usize);
    assert_eq!(of_kind(StationKind::Abroad), ABROAD_2025 as usize);
    assert_eq!(constituencies().len(), CONSTITUENCIES as usize);
    assert_eq!(election().rules.member_quorum, MEMBER_QUORUM);
    assert_eq!(same_sex_max(), 2);
    let size = Size::at(1.0).unwrap();
    for station in &shipped.stations {
        assert_eq!(station.station_kind, kind_of(&size, station.number) as u8);
        assert_eq!(station.constituency, constituency_of(&size, station.number));
    }
}

#[test]
fn every_constituency_has_a_station_at_any_scale() {
    for scale in [0.0005, 0.01, 0.1, 1.0] {
        let (size, definition) = defined(scale);
        assert_eq!(definition.stations().len(), size.stations() as usize);
        for station in definition.stations().values() {
            assert_eq!(station.constituency, constituency_of(&size, station.number));
        }
        for constituency in 1..=30 {
            assert!(definition.stations().values().any(|station| station.constituency == constituency));
        }
    }
}
