//! The invariants of the specification, each as a property.

use super::world::{DAY, STREAMS, World, at, hold, plan, policy, pruned, rules, with, world};
use mirrorkeep::census::BuildCensus;
use mirrorkeep::decide::policy::Period;
use mirrorkeep::decide::{Fate, PlanOutcome, PreviousRuns, Space, retain};
use mirrorkeep::model::{BuildId, Outcome, Stamp};
use proptest::prelude::*;
use std::collections::BTreeSet;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn i1_every_build_has_one_verdict_and_is_kept_exactly_for_reasons(world in world(), rules in rules(), now in 0i64..80) {
        let census = world.census();
        let plan = plan(&census, &rules.policy(), at(now * DAY));
        let ids: BTreeSet<BuildId> = census.builds().map(|(id, _)| id).collect();
        let judged: Vec<&BuildId> = plan.builds.iter().map(|verdict| &verdict.id).collect();
        prop_assert_eq!(judged.len(), ids.len());
        prop_assert_eq!(judged.into_iter().cloned().collect::<BTreeSet<_>>(), ids);
        for verdict in &plan.builds {
            prop_assert_eq!(verdict.fate == Fate::Expire, verdict.reasons.is_empty(), "{:?}", verdict);
            prop_assert!(verdict.fate == Fate::Expire || verdict.misses.is_empty());
        }
    }

    #[test]
    fn i2_one_more_rule_keeps_no_less(world in world(), rules in rules(), more in (0usize..14, 1u32..20), now in 0i64..80) {
        let census = world.census();
        let before = with(&plan(&census, &rules.policy(), at(now * DAY)), Fate::Keep);
        let mut rules = rules;
        rules.keep.push(more);
        rules.failed.push(more);
        let after = with(&plan(&census, &rules.policy(), at(now * DAY)), Fate::Keep);
        prop_assert!(after.is_superset(&before));
    }

    #[test]
    fn i3_larger_numbers_keep_no_less(world in world(), rules in rules(), by in 1u32..9, now in 0i64..80) {
        let census = world.census();
        let before = with(&plan(&census, &rules.policy(), at(now * DAY)), Fate::Keep);
        let mut more = rules.clone();
        more.keep.iter_mut().chain(&mut more.failed).for_each(|(_, n)| *n += by);
        (more.floor, more.min_age, more.grace) = (rules.floor + by, rules.min_age + by, rules.grace + by);
        let after = with(&plan(&census, &more.policy(), at(now * DAY)), Fate::Keep);
        prop_assert!(after.is_superset(&before), "{:?}", before.difference(&after));
    }

    #[test]
    fn i4_a_hold_changes_its_build_and_what_that_needs_only(world in world(), rules in rules(), which in 0usize..40, now in 0i64..80) {
        let mut census = world.census();
        let ids: Vec<BuildId> = census.builds().map(|(id, _)| id).collect();
        prop_assume!(!ids.is_empty());
        let id = &ids[which % ids.len()];
        let before = plan(&census, &rules.policy(), at(now * DAY));
        let mut closure = BTreeSet::from([id.clone()]);
        loop {
            let needed: Vec<BuildId> = closure.iter().flat_map(|id| census.build(id).unwrap().requires.clone()).collect();
            let size = closure.len();
            closure.extend(needed);
            if closure.len() == size {
                break;
            }
        }
        for stream in census.streams.iter_mut().filter(|stream| stream.stream == id.stream) {
            stream.builds.iter_mut().filter(|build| build.build == id.name).for_each(|build| build.holds.push(hold(Stamp::MAX)));
        }
        let after = plan(&census, &rules.policy(), at(now * DAY));
        for (before, after) in before.builds.iter().zip(&after.builds) {
            let same = (before.fate, before.kept_until) == (after.fate, after.kept_until);
            prop_assert!(same || closure.contains(&after.id), "{:?} {:?}", before, after);
            prop_assert!(after.id != *id || matches!(after.fate, Fate::Keep | Fate::Blocked));
        }
    }

    #[test]
    fn i5_the_newest_successes_stay_whatever_the_rules(world in world(), rules in rules(), now in 50i64..900) {
        let census = world.census();
        let plan = plan(&census, &rules.policy(), at(now * DAY));
        for stream in &census.streams {
            let mut good: Vec<&BuildCensus> = stream.builds.iter().filter(|build| build.result == Outcome::Success).collect();
            good.sort_by_key(|build| std::cmp::Reverse((build.created, build.seq)));
            for build in good.into_iter().take(rules.floor as usize) {
                let id = BuildId::new(stream.stream.clone(), build.build.clone());
                prop_assert_eq!(plan.verdict(&id).unwrap().fate, Fate::Keep);
            }
        }
    }

    #[test]
    fn i6_order_does_not_matter(world in world(), rules in rules(), turn in 0usize..9, now in 0i64..80) {
        let census = world.census();
        let before = plan(&census, &rules.policy(), at(now * DAY));
        let (mut census, mut turned) = (census, rules.clone());
        census.streams.reverse();
        census.aliases.reverse();
        for stream in &mut census.streams {
            let middle = turn.min(stream.builds.len());
            stream.builds.rotate_left(middle);
        }
        turned.keep.reverse();
        turned.failed.reverse();
        let after = plan(&census, &turned.policy(), at(now * DAY));
        prop_assert_eq!(before.digest, after.digest);
        let fates = |plan: &mirrorkeep::decide::Plan| plan.builds.iter().map(|verdict| (verdict.id.clone(), verdict.fate, verdict.kept_until)).collect::<Vec<_>>();
        prop_assert_eq!(fates(&before), fates(&after));
    }

    #[test]
    fn i8_what_was_pruned_needs_no_second_prune(world in world(), rules in rules(), now in 0i64..80) {
        let census = world.census();
        let policy = rules.policy();
        let first = plan(&census, &policy, at(now * DAY));
        let second = plan(&pruned(&census, &first), &policy, at(now * DAY));
        prop_assert_eq!(with(&second, Fate::Expire), BTreeSet::new());
    }

    #[test]
    fn i9_to_i11_pruning_often_is_pruning_once_and_time_only_takes(world in world(), rules in rules(), early in 50i64..70, late in 70i64..120) {
        let (census, policy) = (world.census(), rules.policy());
        let once = plan(&census, &policy, at(late * DAY));
        let first = plan(&census, &policy, at(early * DAY));
        prop_assert!(with(&once, Fate::Keep).is_subset(&with(&first, Fate::Keep)), "kept later, but not earlier");
        let often = plan(&pruned(&census, &first), &policy, at(late * DAY));
        prop_assert_eq!(with(&often, Fate::Keep), with(&once, Fate::Keep));
    }

    #[test]
    fn i12_a_stream_is_no_business_of_another(world in world(), other in world(), rules in rules(), now in 0i64..80) {
        let alone = |mut world: World| {
            world.streams.iter_mut().flatten().for_each(|seed| seed.needs = None);
            world
        };
        let (one, other) = (alone(world), alone(other));
        let mut both = one.clone();
        for (stream, other) in both.streams.iter_mut().zip(&other.streams).skip(1) {
            stream.clone_from(other);
        }
        both.streams.truncate(2);
        let fates = |world: &World| {
            let plan = plan(&world.census(), &rules.policy(), at(now * DAY));
            let own = plan.builds.into_iter().filter(|verdict| verdict.id.stream.as_str() == STREAMS[0]);
            own.map(|verdict| (verdict.id, verdict.fate, verdict.kept_until)).collect::<Vec<_>>()
        };
        prop_assert_eq!(fates(&one), fates(&both));
    }

    #[test]
    fn i13_what_is_no_success_takes_no_place_of_one(world in world(), rules in rules(), now in 0i64..80) {
        let mut world = world;
        world.streams.iter_mut().flatten().for_each(|seed| seed.needs = None);
        let mut good = world.census();
        for stream in &mut good.streams {
            stream.builds.retain(|build| build.result == Outcome::Success);
        }
        let mut census = world.census();
        let blocked = BuildCensus { problem: Some("30 February".to_owned()), result: Outcome::Success, ..BuildCensus::named("b".parse().unwrap()) };
        let future = BuildCensus { created: Some(at(9999 * DAY)), result: Outcome::Success, ..BuildCensus::named("f".parse().unwrap()) };
        census.streams.iter_mut().for_each(|stream| stream.builds.extend([blocked.clone(), future.clone()]));
        let (few, many) = (plan(&good, &rules.policy(), at(now * DAY)), plan(&census, &rules.policy(), at(now * DAY)));
        for verdict in &few.builds {
            let same = many.verdict(&verdict.id).unwrap();
            prop_assert_eq!((verdict.fate, verdict.kept_until), (same.fate, same.kept_until));
        }
        prop_assert_eq!(with(&many, Fate::Blocked).len() , 2 * census.streams.len() + many.builds.iter().filter(|v| v.fate == Fate::Blocked && !["b", "f"].contains(&v.id.name.as_str())).count());
    }

    #[test]
    fn i14_what_cannot_be_read_lets_nothing_more_go(world in world(), rules in rules(), now in 0i64..80) {
        let (census, policy) = (world.census(), rules.policy());
        let all = with(&plan(&census, &policy, at(now * DAY)), Fate::Expire);
        let unreadable = PreviousRuns { unreadable: vec![("master/x".parse().unwrap(), "permission denied".to_owned())], ..PreviousRuns::default() };
        let refused = retain(&census, &policy, at(now * DAY), &unreadable);
        prop_assert_eq!(refused.outcome, PlanOutcome::Refused);
        prop_assert!(with(&refused, Fate::Expire).is_empty());
        let frozen = PreviousRuns { frozen: [(STREAMS[0].parse().unwrap(), "damaged".to_owned())].into(), ..PreviousRuns::default() };
        let less = with(&retain(&census, &policy, at(now * DAY), &frozen), Fate::Expire);
        prop_assert!(less.is_subset(&all) && less.iter().all(|id| id.stream.as_str() != STREAMS[0]));
    }

    #[test]
    fn i15_a_brake_holds_all_or_nothing_and_a_token_fits_one_plan(world in world(), rules in rules(), most in 0usize..5, now in 30i64..80) {
        let census = world.census();
        let policy = policy(&rules.text(&format!("brakes: {{stream: {{count: {most}}}, run: {{count: {}}}}}\n", most * 2)));
        let free = with(&plan(&census, &rules.policy(), at(now * DAY)), Fate::Expire);
        let braked = plan(&census, &policy, at(now * DAY));
        let going = with(&braked, Fate::Expire);
        prop_assert!(going.is_subset(&free) && going.len() <= most * 2);
        for stream in STREAMS {
            prop_assert!(going.iter().filter(|id| id.stream.as_str() == stream).count() <= most);
        }
        let accepted = |digest| with(&retain(&census, &policy, at(now * DAY), &PreviousRuns { accepted: Some(digest), ..PreviousRuns::default() }), Fate::Expire);
        prop_assert_eq!(accepted(braked.digest), free);
        prop_assert_eq!(accepted(mirrorkeep::model::Digest::of(b"another")), going);
    }

    #[test]
    fn i19_kept_until_is_the_last_instant(world in world(), rules in rules(), now in 50i64..80) {
        // A build of the future takes its place among the others only when its time has come.
        let hours = world.streams.iter().flatten().map(|seed| seed.hour);
        prop_assume!(hours.max().is_none_or(|hour| hour <= now * 24));
        let (census, policy) = (world.census(), rules.policy());
        for verdict in plan(&census, &policy, at(now * DAY)).builds {
            let Some(until) = verdict.kept_until.filter(|_| verdict.fate == Fate::Keep) else { continue };
            prop_assert!(until >= at(now * DAY));
            prop_assert_eq!(plan(&census, &policy, until).verdict(&verdict.id).unwrap().fate, Fate::Keep);
            let later = plan(&census, &policy, until.checked_add(1).unwrap());
            prop_assert_eq!(later.verdict(&verdict.id).unwrap().fate, Fate::Expire, "{:?}", verdict);
        }
    }

    #[test]
    fn i20_a_zone_moves_the_periods_by_its_offset(seconds in 0i64..4_100_000_000, zone in 0usize..1000, kind in 0usize..6) {
        use chrono::{Offset, TimeZone};
        let zone = chrono_tz::TZ_VARIANTS[zone % chrono_tz::TZ_VARIANTS.len()];
        let stamp = Stamp::from_unix(seconds).unwrap();
        let offset = zone.offset_from_utc_datetime(&stamp.instant().naive_utc()).fix().local_minus_utc();
        prop_assume!(seconds + i64::from(offset) >= 0);
        let local = Stamp::from_unix(seconds + i64::from(offset)).unwrap();
        let period = Period::ALL[kind];
        prop_assert_eq!(period.of(stamp, zone), period.of(local, chrono_tz::UTC));
        prop_assert!(Period::ALL.iter().filter(|other| other.of(stamp, zone) == period.of(stamp, zone)).count() == 1);
    }

    #[test]
    fn i21_time_itself_does_not_matter_for_exact_units(world in world(), rules in rules(), by in 1i64..100_000, now in 0i64..80) {
        prop_assume!(!["daily", "weekly", "monthly", "periods"].iter().any(|word| rules.has(word)));
        let census = world.census();
        let mut later = census.clone();
        let move_on = |stamp: &mut Stamp| *stamp = stamp.checked_add(by * 61).unwrap();
        for build in later.streams.iter_mut().flat_map(|stream| &mut stream.builds) {
            build.created.iter_mut().chain(&mut build.published).chain(&mut build.last_activity).for_each(move_on);
            build.confirmed_at.iter_mut().for_each(move_on);
            build.labels.iter_mut().flat_map(|(_, label)| &mut label.since).for_each(move_on);
            build.holds.iter_mut().flat_map(|hold| &mut hold.until).for_each(move_on);
        }
        later.aliases.iter_mut().flat_map(|alias| &mut alias.moves).for_each(|step| move_on(&mut step.at));
        let (one, other) = (plan(&census, &rules.policy(), at(now * DAY)), plan(&later, &rules.policy(), at(now * DAY + by * 61)));
        prop_assert_eq!(one.digest, other.digest);
    }

    #[test]
    fn i23_an_archive_changes_where_builds_go_and_not_which(world in world(), rules in rules(), until in 0u32..9, now in 0i64..80) {
        let census = world.census();
        let term = if until == 0 { String::new() } else { format!(", until: {until}d") };
        let archived = policy(&rules.text(&format!("    archive: {{to: /srv/a{term}}}\n")));
        let (plain, plan) = (plan(&census, &rules.policy(), at(now * DAY)), plan(&census, &archived, at(now * DAY)));
        prop_assert_eq!(plan.totals, plain.totals);
        for (one, other) in plain.builds.iter().zip(&plan.builds) {
            prop_assert_eq!((&one.id, one.fate, &one.parts), (&other.id, other.fate, &other.parts));
            prop_assert!(one.archive.is_none());
            prop_assert_eq!(other.archive.is_some(), other.fate == Fate::Expire);
            if let Some(archive) = &other.archive {
                let days = i64::from(until);
                prop_assert_eq!((&*archive.to, archive.until), ("/srv/a", (until > 0).then(|| at((now + days) * DAY))));
            }
        }
        prop_assert_eq!(plain.digest == plan.digest, plain.totals.expire == 0);
    }

    #[test]
    fn i22_pressure_takes_what_ranges_leave_open_and_no_more(world in world(), floor in 1u32..4, free in 0u64..2000, now in 20i64..60) {
        let census = world.census();
        let text = |within: &str, last: &str, pressure: &str| policy(&format!(
            "version: 1\ndefaults: {{floor: {floor}, min_age: 0h}}\n{pressure}families:\n  - {{name: all, match: \"**\", keep: [{{within: {within}}}, {{last: {last}}}]}}\n"
        ));
        let ranged = text("{max: 30d, min: 3d}", "{max: 8, min: 2}", "pressure: {free_below: 2000B, until_free: 2000B}\n");
        let (most, least) = (text("30d", "8", ""), text("3d", "2", ""));
        let space = Space { total: 10_000, free, trash: 0 };
        let plan_at = |policy| plan(&census, policy, at(now * DAY));
        let pressed = retain(&census, &ranged, at(now * DAY), &PreviousRuns { space: Some(space), ..PreviousRuns::default() });
        let going = with(&pressed, Fate::Expire);
        prop_assert!(going.is_superset(&with(&plan_at(&most), Fate::Expire)));
        prop_assert!(going.is_subset(&with(&plan_at(&least), Fate::Expire)));
        let freed = pressed.totals.bytes_freed;
        let wanted = 2000 - free;
        prop_assert_eq!(pressed.shortfall, (freed < wanted).then(|| wanted - freed));
        if freed < wanted {
            prop_assert_eq!(going, with(&plan_at(&least), Fate::Expire));
        }
    }
}
