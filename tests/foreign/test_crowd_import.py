"""People of a BOINC project: a dump that MariaDB itself writes of BOINC's tables, and statistics, brought into a Pogson project."""

import gzip
import hashlib
import os
import shutil
import subprocess
import urllib.parse

import pytest

from boinc import Client, Project, password_hash, wait_for

# Tables as BOINC's db/schema.sql has them, with the columns that later updates added, in another order than they are read.
SCHEMA = """
create table user (
    id integer not null auto_increment, create_time integer not null, email_addr varchar(254) not null, name varchar(254),
    authenticator varchar(254), country varchar(254), postal_code varchar(254), total_credit double not null,
    expavg_credit double not null, expavg_time double not null, global_prefs blob, project_prefs blob, teamid integer not null,
    venue varchar(254) not null, url varchar(254), send_email smallint not null, show_hosts smallint not null,
    posts smallint not null, seti_id integer not null, seti_nresults integer not null, seti_last_result_time integer not null,
    seti_total_cpu double not null, signature varchar(254), has_profile smallint not null, cross_project_id varchar(254) not null,
    passwd_hash varchar(254) not null, email_validated smallint not null, donated smallint not null, login_token char(32) not null,
    login_token_time double not null, previous_email_addr varchar(254) not null default '', email_addr_change_time double not null,
    primary key (id)
) engine=InnoDB default charset=utf8mb4;
create table team (
    id integer not null auto_increment, create_time integer not null, userid integer not null, name varchar(254) not null,
    name_lc varchar(254), url varchar(254), type integer not null, name_html varchar(254), description text, nusers integer not null,
    country varchar(254), total_credit double not null, expavg_credit double not null, expavg_time double not null,
    seti_id integer not null, ping_user integer not null, ping_time integer unsigned not null default 0,
    joinable tinyint not null default 1, mod_time timestamp default current_timestamp on update current_timestamp, primary key (id)
) engine=InnoDB default charset=utf8mb4;
create table host (
    id integer not null auto_increment, create_time integer not null, userid integer not null, rpc_seqno integer not null,
    rpc_time integer not null, total_credit double not null, expavg_credit double not null, expavg_time double not null,
    timezone integer not null, domain_name varchar(254), serialnum varchar(254), last_ip_addr varchar(254),
    nsame_ip_addr integer not null, on_frac double not null, connected_frac double not null, active_frac double not null,
    cpu_efficiency double not null, duration_correction_factor double not null, p_ncpus integer not null, p_vendor varchar(254),
    p_model varchar(254), p_fpops double not null, p_iops double not null, p_membw double not null, os_name varchar(254),
    os_version varchar(254), m_nbytes double not null, m_cache double not null, m_swap double not null, d_total double not null,
    d_free double not null, d_boinc_used_total double not null, d_boinc_used_project double not null, d_boinc_max double not null,
    n_bwup double not null, n_bwdown double not null, credit_per_cpu_sec double not null, venue varchar(254) not null,
    nresults_today integer not null, avg_turnaround double not null, host_cpid varchar(254), external_ip_addr varchar(254),
    max_results_day integer not null, error_rate double not null default 0, product_name varchar(254) not null default '',
    gpu_active_frac double not null default 0, p_ngpus integer not null default 0, p_gpu_fpops double not null default 0,
    primary key (id)
) engine=InnoDB default charset=utf8mb4;
create table consent_type (id integer not null auto_increment, shortname varchar(255) not null, description text not null,
    enabled integer not null, project_specific integer not null, privacypref integer not null, primary key (id)) engine=InnoDB;
create table consent (id integer not null auto_increment, userid integer not null, consent_type_id integer not null,
    consent_time integer not null, consent_flag tinyint not null, consent_not_required tinyint not null, source varchar(255) not null,
    primary key (id)) engine=InnoDB;
"""

PREFERENCES = "<global_preferences>\n<mod_time>1500000000.000000</mod_time>\n<run_on_batteries/>\n<max_ncpus_pct>50</max_ncpus_pct>\n</global_preferences>\n"
KEY = lambda number: hashlib.md5(f"key of {number}".encode()).hexdigest()
HOSTILE = "<script>alert(1)</script>'); drop table users; -- \\ \x07\u202e\nEve"


def literal(value):
    """A value as SQL has it."""
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):
        return repr(value)
    out = value.encode()
    return "0x" + out.hex() if out else "''"


def insert(table, **columns):
    return f"insert into {table} ({','.join(columns)}) values ({','.join(map(literal, columns.values()))});\n"


def user(id, email, name, credit, password, **more):
    columns = dict(
        id=id, create_time=1_300_000_000 + id, email_addr=email, name=name, authenticator=KEY(id), country="Chile", postal_code=None,
        total_credit=credit, expavg_credit=credit / 100, expavg_time=1_600_000_000.5, global_prefs=None, project_prefs=None, teamid=0,
        venue="", url="", send_email=1, show_hosts=1, posts=0, seti_id=0, seti_nresults=0, seti_last_result_time=0, seti_total_cpu=0,
        signature=None, has_profile=0, cross_project_id=hashlib.md5(f"cpid {id}".encode()).hexdigest(), passwd_hash=password,
        email_validated=0, donated=0, login_token="", login_token_time=0, email_addr_change_time=0)
    return insert("user", **{**columns, **more})


def host(id, userid, credit, **more):
    columns = dict(
        id=id, create_time=1_400_000_000, userid=userid, rpc_seqno=17, rpc_time=1_600_000_000, total_credit=credit, expavg_credit=1.5,
        expavg_time=1_600_000_000, timezone=3600, domain_name="lab", serialnum="[BOINC|7.16.6][CUDA|GTX|1|2GB|4|1]",
        last_ip_addr="10.0.0.1", nsame_ip_addr=1, on_frac=0.5, connected_frac=1, active_frac=0.5, cpu_efficiency=1,
        duration_correction_factor=1, p_ncpus=8, p_vendor="GenuineIntel", p_model="i7", p_fpops=2e9, p_iops=3e9, p_membw=1e9,
        os_name="Linux", os_version="5.10", m_nbytes=8e9, m_cache=1e6, m_swap=1e9, d_total=1e11, d_free=5e10, d_boinc_used_total=0,
        d_boinc_used_project=0, d_boinc_max=0, n_bwup=0, n_bwdown=0, credit_per_cpu_sec=0, venue="home", nresults_today=0,
        avg_turnaround=0, host_cpid=hashlib.md5(f"host {id}".encode()).hexdigest(), external_ip_addr="192.0.2.1", max_results_day=100)
    return insert("host", **{**columns, **more})


def team(id, userid, name, credit):
    return insert("team", id=id, create_time=1_350_000_000, userid=userid, name=name, name_lc=name.lower(), url="www.example.org", type=6,
                  name_html="", description="We <b>count</b>", nusers=0, country="Germany", total_credit=credit, expavg_credit=1.0,
                  expavg_time=1_600_000_000, seti_id=0, ping_user=0)


def content(bcrypt):
    """Rows of all tables."""
    ann = password_hash("secret", "ann@example.org")
    return "".join([
        user(3, "Ann@Example.org", "Jürgen Ann", 1000.25, ann, teamid=5, global_prefs=PREFERENCES, venue="home"),
        user(4, "bob@example.org", HOSTILE, 0.5, bcrypt, teamid=77),
        user(9, "no address", "李小龙", 12.0, "", url="javascript:alert(1)"),
        user(11, "deleted_1600000000_x", "deleted", 7.0, "", authenticator="deleted_1600000000_x"),
        team(5, 3, "Perth <i>stargazers</i>", 1000.0),
        host(40, 3, 600.0), host(41, 3, 300.25), host(42, 0, 0.0), host(43, 999, 5.0), host(44, 4, 0.5, p_model=HOSTILE),
        insert("consent_type", id=1, shortname="ENROLL", description="x", enabled=1, project_specific=0, privacypref=0),
        insert("consent_type", id=2, shortname="STATSEXPORT", description="x", enabled=1, project_specific=0, privacypref=1),
        insert("consent", id=1, userid=3, consent_type_id=2, consent_time=1, consent_flag=1, consent_not_required=0, source="Webform"),
        insert("consent", id=2, userid=4, consent_type_id=1, consent_time=1, consent_flag=1, consent_not_required=0, source="Webform"),
    ])


@pytest.fixture(scope="module")
def dumps(tmp_path_factory):
    """Texts that mysqldump writes of BOINC's tables: as it does by itself, and with names of columns, a row a line."""
    server = shutil.which("mariadbd") or shutil.which("mysqld")
    if not server or not shutil.which("mysqldump") or not shutil.which("mariadb-install-db"):
        pytest.skip("mariadb-server is not installed")
    # As PHP's password_hash() has it; the C library knows the form, too.
    words = ["perl", "-e", "print crypt($ARGV[0], $ARGV[1])", password_hash("secret", "bob@example.org"), "$2y$06$abcdefghijklmnopqrstuu"]
    kept = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert kept.startswith("$2y$06$") and len(kept) == 60
    folder = tmp_path_factory.mktemp("mariadb")
    data, socket = folder / "data", folder / "s"
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    who = ["--user=root"] if os.geteuid() == 0 else []
    subprocess.run(["mariadb-install-db", "--no-defaults", *who, f"--datadir={data}", "--auth-root-authentication-method=normal"], check=True, **quiet)
    process = subprocess.Popen([server, "--no-defaults", *who, f"--datadir={data}", f"--socket={socket}", "--skip-networking",
                                f"--pid-file={folder / 'pid'}", "--innodb-buffer-pool-size=16M"], **quiet)
    try:
        wait_for(lambda: socket.exists(), 60)
        client = ["mariadb", "--no-defaults", f"--socket={socket}", "--user=root", "--default-character-set=utf8mb4"]
        text = "create database pogs character set utf8mb4; use pogs;" + SCHEMA + content(kept)
        subprocess.run(client, input=text.encode(), check=True)
        dump = ["mysqldump", "--no-defaults", f"--socket={socket}", "--user=root"]
        made = {}
        for name, more in {"plain": [], "named": ["--complete-insert", "--skip-extended-insert", "--hex-blob"],
                           "latin": ["--default-character-set=latin1", "--no-create-info", "--complete-insert"]}.items():
            made[name] = folder / f"{name}.sql"
            made[name].write_bytes(subprocess.run([*dump, *more, "pogs"], check=True, capture_output=True).stdout)
        return made
    finally:
        process.terminate()
        process.wait(30)


def lookup(project, email, password):
    """What lookup_account says."""
    words = urllib.parse.urlencode({"email_addr": email, "passwd_hash": password_hash(password, email)})
    return project.get(f"lookup_account.php?{words}")


@pytest.mark.parametrize("form", ["plain", "named", "latin"])
def test_a_dump_is_brought_once_with_all_that_it_has(pogson, dumps, tmp_path, form):
    project = Project(pogson, tmp_path / "project")
    dump = dumps[form]
    if form == "named":
        dump = tmp_path / "dump.sql.gz"
        dump.write_bytes(gzip.compress(dumps[form].read_bytes()))
    report = pogson.json("crowd", "import", project.dir, "--from", dump)
    assert [report[kind]["imported"] for kind in ("users", "teams", "hosts")] == [4, 1, 3]
    assert report["hosts"]["skipped"] == 2 and report["members"] == 1
    notes = " ".join(report["users"]["notes"] + report["hosts"]["notes"])
    for said in ("user 4: name", "user 9", "host 42", "host 43"):
        assert said in notes
    pogson("crowd", "check", project.dir, "--deep")
    show = lambda who: pogson.json("crowd", "user", "show", project.dir, who)
    ann = show("ann@example.org")
    assert (ann["id"], ann["credit"], ann["team"], ann["created"]) == (3, 1000.25, 5, 1_300_000_003)
    assert ann["name"] == "Jürgen Ann"
    bob = show("4")
    assert bob["credit"] == 0.5 and bob["team"] is None and not set("<>\n\x07\u202e") & set(bob["name"]) and "Eve" in bob["name"]
    assert show("9")["credit"] == 12.0
    computer = pogson.json("crowd", "host", "show", project.dir, "40")
    assert (computer["user"], computer["credit"], computer["processors"]) == (3, 600.0, 8)
    again = pogson.json("crowd", "import", project.dir, "--from", dump)
    assert [again[kind]["imported"] + again[kind]["joined"] for kind in ("users", "teams", "hosts")] == [0, 0, 0]
    assert [again[kind]["before"] for kind in ("users", "teams", "hosts")] == [4, 1, 3]
    assert show("ann@example.org") == ann
    pogson("crowd", "check", project.dir, "--deep")


def test_old_passwords_and_keys_open_accounts_while_the_project_is_served(pogson, dumps, tmp_path):
    project = Project(pogson, tmp_path / "project")
    project.serve()
    try:
        pogson("crowd", "import", project.dir, "--from", dumps["plain"])
        for email in ("ann@example.org", "bob@example.org"):
            assert "-206" in lookup(project, email, "wrong")
            # The second time by the hash that the first one left.
            keys = {lookup(project, email, "secret").split("<authenticator>")[1].split("<")[0] for _ in range(2)}
            assert len(keys) == 1 and len(keys.pop()) == 32
        page = project.get("user/4")
        assert "<script" not in page and "Eve" in page
        stats = project.get("top/users?by=total")
        assert "1,000.25" in stats or "1000.25" in stats
    finally:
        project.stop()


def test_a_client_of_the_old_project_goes_on_with_its_key_and_number(pogson, dumps, tmp_path):
    if not shutil.which("boinc"):
        pytest.skip("boinc-client is not installed")
    project, clients = Project(pogson, tmp_path / "project"), []
    try:
        project.set("scheduler", request_delay=1.0)
        pogson("crowd", "import", project.dir, "--from", dumps["plain"])
        project.serve()
        weak = "3_" + hashlib.md5((KEY(3) + password_hash("secret", "ann@example.org")).encode()).hexdigest()
        for name, key in (("strong", KEY(3)), ("weak", weak), ("nobody", "3_" + KEY(5))):
            client = Client(tmp_path / name).start(project.url, key, until_idle=False)
            clients.append(client)
            wanted = "Invalid or missing account key" if name == "nobody" else "Scheduler request completed"
            wait_for(lambda: wanted in client.log, 60)
            assert ("Invalid or missing" in client.log) == (name == "nobody"), client.log[-2000:]
            client.stop()
    finally:
        for one in [*clients, project]:
            one.stop()


def test_statistics_serve_where_there_is_no_dump(pogson, dumps, tmp_path):
    stats = tmp_path / "stats"
    stats.mkdir()
    name = "".join(f"&#{byte};" if byte > 127 else chr(byte) for byte in "Jürgen".encode())
    users = f"<users>\n<user>\n <id>3</id>\n <name>{name}</name>\n <country>Chile</country>\n <create_time>1300000003</create_time>\n" \
            f" <total_credit>1000.250000</total_credit>\n <expavg_credit>1.5</expavg_credit>\n <expavg_time>1600000000</expavg_time>\n" \
            f" <cpid>{KEY(1)}</cpid>\n <teamid>5</teamid>\n</user>\n</users>\n"
    hosts = "<hosts>\n<host>\n <id>40</id>\n <userid>3</userid>\n <total_credit>600</total_credit>\n <p_ncpus>4</p_ncpus>\n" \
            "</host>\n<host>\n <id>41</id>\n <total_credit>2</total_credit>\n</host>\n</hosts>\n"
    teams = "<teams>\n<team>\n <id>5</id>\n <type>1</type>\n <name>Stars</name>\n <userid>3</userid>\n <total_credit>9</total_credit>\n</team>\n</teams>\n"
    for table, text in (("user", users), ("host", hosts), ("team", teams)):
        (stats / f"{table}.gz").write_bytes(gzip.compress(text.encode()))
    project = Project(pogson, tmp_path / "project")
    report = pogson.json("crowd", "import", project.dir, "--from", stats, "--consent")
    assert [report[kind]["imported"] for kind in ("users", "teams", "hosts")] == [1, 1, 1] and report["members"] == 1
    assert pogson.json("crowd", "user", "show", project.dir, "3")["name"] == "Jürgen"
    # A dump that comes to light later adds address and keys, and no credit twice.
    later = pogson.json("crowd", "import", project.dir, "--from", dumps["plain"])
    assert (later["users"]["before"], later["users"]["imported"]) == (1, 3)
    ann = pogson.json("crowd", "user", "show", project.dir, "ann@example.org")
    assert (ann["id"], ann["credit"]) == (3, 1000.25)
    pogson("crowd", "check", project.dir, "--deep")


def test_what_is_no_source_is_told(pogson, tmp_path):
    project = Project(pogson, tmp_path / "project")
    pogson("crowd", "import", project.dir, "--from", tmp_path / "none", code=2)
    broken = tmp_path / "broken.sql"
    broken.write_text("create table user (id int, name text);\ninsert into user values (1,'a'),(2,'b")
    assert "line 2" in pogson("crowd", "import", project.dir, "--from", broken, code=3).stderr
