-- Tables of a project. SQLite reads BIGINT PRIMARY KEY as INTEGER PRIMARY KEY, so that the key is the row's own number.
-- Texts are exact bytes in both databases; truth is 0 or 1.
create table schema_version (id bigint primary key, version bigint not null);

create table counters (id bigint primary key, value bigint not null);

create table users (
  id bigint primary key, email text not null, name text not null, key_hash text not null, key_epoch bigint not null,
  password text not null, cpid text not null, team_id bigint, created bigint not null, credit bigint not null,
  imported bigint not null,
  average double precision not null, average_time bigint not null, preferences text not null,
  preferences_time double precision not null, project_preferences text not null, venue text not null, country text not null,
  url text not null, consent bigint not null, role text not null, banned_until bigint not null, seen bigint not null
);
create unique index users_email on users (email);
create unique index users_key on users (key_hash);
create index users_team on users (team_id) where team_id is not null;
create index users_average on users (average);

create table teams (
  id bigint primary key, name text not null, kind bigint not null, url text not null, description text not null,
  country text not null, founder_id bigint not null, joinable bigint not null, created bigint not null, credit bigint not null,
  average double precision not null, average_time bigint not null
);
create unique index teams_name on teams (name);

create table hosts (
  id bigint primary key, user_id bigint not null, created bigint not null, sequence bigint not null, seen bigint not null,
  cpid text not null, domain_name text not null, address text not null, timezone bigint not null, platform text not null,
  client bigint not null, processors bigint not null, vendor text not null, model text not null,
  flops double precision not null, iops double precision not null, memory double precision not null,
  disk double precision not null, disk_free double precision not null, os_name text not null, os_version text not null,
  coprocessors text not null, available double precision not null, venue text not null, credit bigint not null,
  purged_credit bigint not null, imported bigint not null, average double precision not null, average_time bigint not null, valid bigint not null,
  invalid bigint not null, errors bigint not null, failures bigint not null, last_valid bigint not null, quarantined bigint not null,
  banned_until bigint not null, merged_into bigint, hidden bigint not null
);
create index hosts_user on hosts (user_id);
create index hosts_cpid on hosts (cpid);

create table host_versions (
  id bigint primary key, quota bigint not null, sent bigint not null, day bigint not null, consecutive_valid bigint not null,
  count bigint not null, slowness double precision not null, turnaround double precision not null
);

create table apps (
  id bigint primary key, name text not null, title text not null, redundancy_class bigint not null, one_version bigint not null,
  trust_after bigint not null, in_progress bigint not null, paused bigint not null
);
create unique index apps_name on apps (name);

create table versions (
  id bigint primary key, app_id bigint not null, number bigint not null, platform text not null, plan_class text not null,
  api_version text not null, processors double precision not null, coprocessor text not null,
  coprocessors double precision not null, speed double precision not null, command_line text not null, files text not null,
  least_client bigint not null, deprecated bigint not null, created bigint not null, peak_share double precision not null,
  least_driver bigint not null, least_capability bigint not null, least_opencl bigint not null,
  least_memory double precision not null
);
create unique index versions_name on versions (app_id, platform, number, plan_class);

create table platforms (id bigint primary key, name text not null, paused bigint not null);
create unique index platforms_name on platforms (name);

create table files (
  id bigint primary key, name text not null, bytes bigint not null, md5 text not null, executable bigint not null,
  signature text not null, sticky bigint not null, uses bigint not null, created bigint not null
);
create unique index files_name on files (name);

create table batches (
  id bigint primary key, name text not null, created bigint not null, units bigint not null, assimilated bigint not null,
  cancelled bigint not null
);
create unique index batches_name on batches (name);

create table units (
  id bigint primary key, name text not null, app_id bigint not null, batch_id bigint, priority bigint not null,
  created bigint not null, flops double precision not null, flops_bound double precision not null,
  memory double precision not null, disk double precision not null, delay bigint not null, command_line text not null,
  inputs text not null, outputs text not null, quorum bigint not null, target bigint not null, most_errors bigint not null,
  replicate bigint not null,
  most_total bigint not null, most_successes bigint not null, credit bigint not null, opaque text not null,
  target_host bigint, target_user bigint, redundancy_class bigint, version_id bigint, canonical bigint, trouble bigint not null,
  validate bigint not null, assimilation bigint not null, deletion bigint not null, refit bigint not null,
  next bigint, ended bigint not null
);
create unique index units_name on units (name);
create index units_next on units (next) where next is not null;
create index units_validate on units (id) where validate = 1;
create index units_assimilation on units (id) where assimilation = 1;
create index units_deletion on units (id) where deletion = 1;
create index units_refit on units (id) where refit = 1;
create index units_ended on units (ended) where deletion = 2;
create index units_batch on units (batch_id) where batch_id is not null;

create table results (
  id bigint primary key, state bigint not null, outcome bigint not null, validity bigint not null, rank bigint not null,
  host_id bigint not null, user_id bigint not null, team_id bigint, version_id bigint not null, created bigint not null,
  sent bigint not null, deadline bigint not null, received bigint not null, client_state bigint not null,
  exit_status bigint not null, cpu double precision not null, elapsed double precision not null, granted bigint not null,
  has_files bigint not null, abort_sent bigint not null, trusted bigint not null, stderr text not null, reason text not null
);
create index results_unsent on results (rank, id) where state = 2;
create index results_in_progress on results (host_id) where state = 4;
create index results_host on results (host_id, id) where state = 5;

create table outputs (
  id bigint primary key, bytes bigint not null, md5 text not null, segment text not null, place bigint not null
);

create table facts (id bigint primary key, name text not null, body text not null);
create unique index facts_name on facts (name);

create table audit (id bigint primary key, moment bigint not null, who text not null, what text not null);

create table notices (
  id bigint primary key, moment bigint not null, user_id bigint, title text not null, body text not null
);
create index notices_user on notices (user_id);

create table trickles (
  id bigint primary key, down bigint not null, host_id bigint not null, result_name text not null, variety text not null,
  body text not null, moment bigint not null, handled bigint not null
);
create index trickles_open on trickles (host_id) where handled = 0;

create table old_keys (id bigint primary key, hash text not null, user_id bigint not null, weak bigint not null);
create unique index old_keys_hash on old_keys (hash);
create index old_keys_user on old_keys (user_id);

create table signing_keys (
  id bigint primary key, body text not null, next bigint, signature text not null, created bigint not null
);

insert into schema_version (id, version) values (1, 1);
