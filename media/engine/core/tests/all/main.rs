//! Behaviour of the engine, a file for each promise. One program, since each test program of its own is linked anew, which
//! takes longer than most of them run; those with an allocator of their own stand beside this folder.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod congestion;
#[path = "../support/mod.rs"]
mod support;

mod a_bad_link_changes_nothing_for_others;
mod a_bad_receiver_costs_others_little;
mod a_late_bridge_asks_in_turn;
mod a_peer_moves;
mod a_sender_begins_again;
mod a_sender_on_a_thin_link;
mod a_switch_is_seamless;
mod a_tile_gets_the_size_that_it_shows;
mod bad_input_disturbs_nobody;
mod congestion_bears_loss_and_jitter;
mod congestion_beside_others;
mod congestion_fills_links;
mod congestion_follows_changes;
mod congestion_replays_traces;
mod congestion_survives_outages;
mod fec_mends_pictures;
mod figures_equal_the_link;
mod gate_holds_in_any_order;
mod h264_begins_with_its_parameters;
mod h264_comes_in_sizes_too;
mod kept_inputs_are_survived;
mod layers_change_seamlessly;
mod lines_are_legs;
mod lines_ask_and_are_asked;
mod lines_know_their_peer;
mod lines_of_h235;
mod lines_with_ice;
mod links_are_recorded;
mod loss_is_repaired;
mod no_picture_pays_for_a_trial;
mod no_picture_stands_for_long;
mod pictures_are_mended_on_long_ways;
mod pictures_come_back_after_outages;
mod pictures_go_on;
mod pictures_go_twice_where_packets_are_lost;
mod pictures_leave_in_one_call;
mod pictures_rest_where_a_shard_is_late;
mod pictures_wait_where_nobody_asks_again;
mod redundancy_brings_nothing_from_before;
mod reports_by_sequence_number_are_heeded;
mod reports_ride_with_sound;
mod reports_tell_the_truth;
mod sound_survives_loss;
mod the_gate_lets_nothing_through;
mod the_silent_are_left_out_on_thin_links;
mod the_size_does_not_flap;
mod thin_links_keep_the_picture;
mod what_a_receiver_gives_up_is_sent_anew;
mod what_is_only_late_is_not_sent_again;
