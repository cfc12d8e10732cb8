//! PostgreSQL: sets of rows as arrays, one statement for each set.
//!
//! A transaction takes one lock for the whole project, so that processes that share a database write one after another, as SQLite's
//! writers do: logic need not know which database it runs on, nothing has to be tried again for a deadlock, and since a transaction
//! holds many questions, one writer is not what limits a project.

use postgres::types::{ToSql, Type};
use postgres::{Client, NoTls, Statement};
use std::collections::HashMap;

use super::database::{Database, Place, StoreError};
use super::row::{Kind, Table, Value};
use super::sqlite::{MIGRATIONS, and, names, select, version};

/// The number of the project's lock in its database ("pogson" in base 27).
const LOCK: i64 = 235_563_227;

/// A connection to a project's database.
pub struct PostgresDatabase {
    client: Client,
    url: String,
    place: String,
    prepared: HashMap<String, Statement>,
    open: bool,
    /// Whether it holds the lock of the one that leads, `LOCK` + 1.
    leads: bool,
}

impl PostgresDatabase {
    /// Connects by a URL or a list of words (`host=... user=...`); makes the tables, or brings them up to date.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(url: &str) -> Result<PostgresDatabase, StoreError> {
        let mut database = PostgresDatabase::open_to_read(url)?;
        database.migrate()?;
        Ok(database)
    }

    /// Connects without looking at the tables.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_to_read(url: &str) -> Result<PostgresDatabase, StoreError> {
        let place = without_password(url);
        let client = connect(url, &place)?;
        Ok(PostgresDatabase { client, url: url.to_owned(), place, prepared: HashMap::new(), open: false, leads: false })
    }

    /// Connects anew where the connection was lost between transactions: what is asked next is answered once the server is back.
    fn awake(&mut self) -> Result<(), StoreError> {
        if !self.open && self.client.is_closed() {
            self.client = connect(&self.url, &self.place)?;
            self.prepared.clear();
            self.leads = false;
            tracing::info!(database = %self.place, "connected again");
        }
        Ok(())
    }

    fn migrate(&mut self) -> Result<(), StoreError> {
        self.begin()?;
        let exists = self.ask("select count(*) from pg_tables where tablename = 'schema_version'", &[])?;
        let found = match exists.first().and_then(|row| row.first()) {
            Some(Value::Int(0)) => 0,
            _ => version(&self.ask("select version from schema_version", &[])?),
        };
        let known = MIGRATIONS.len();
        let done = usize::try_from(found).ok().filter(|done| *done <= known);
        let done = done.ok_or_else(|| StoreError::Later { place: self.place.clone(), found, known: known as i64 })?;
        for migration in MIGRATIONS.iter().skip(done) {
            self.run(migration)?;
        }
        self.commit()
    }

    fn run(&mut self, text: &str) -> Result<(), StoreError> {
        self.client.batch_execute(text).map_err(|error| said(&self.place, &error))
    }

    fn prepare(&mut self, text: &str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.prepared.get(text) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(text).map_err(|error| said(&self.place, &error))?;
        self.prepared.insert(text.to_owned(), statement.clone());
        Ok(statement)
    }

    fn rows(&mut self, text: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Vec<Value>>, StoreError> {
        self.awake()?;
        let statement = self.prepare(text)?;
        let rows = self.client.query(&statement, values).map_err(|error| said(&self.place, &error))?;
        rows.iter().map(|row| (0..row.len()).map(|at| self.value(row, at)).collect()).collect()
    }

    fn value(&self, row: &postgres::Row, at: usize) -> Result<Value, StoreError> {
        let failed = |error: postgres::Error| said(&self.place, &error);
        let kind = row.columns()[at].type_();
        Ok(match *kind {
            Type::INT8 => row.try_get::<_, Option<i64>>(at).map_err(failed)?.map_or(Value::Null, Value::Int),
            Type::FLOAT8 => row.try_get::<_, Option<f64>>(at).map_err(failed)?.map_or(Value::Null, Value::Real),
            _ => row.try_get::<_, Option<String>>(at).map_err(failed)?.map_or(Value::Null, Value::Text),
        })
    }

    fn execute(&mut self, text: &str, values: &[&(dyn ToSql + Sync)]) -> Result<(), StoreError> {
        let statement = self.prepare(text)?;
        self.client.execute(&statement, values).map(|_| ()).map_err(|error| said(&self.place, &error))
    }

    /// Runs a statement with an array for each chosen column, and the keys' before them.
    fn with_columns(
        &mut self,
        text: &str,
        table: &'static Table,
        chosen: &[usize],
        rows: &[Vec<Value>],
    ) -> Result<(), StoreError> {
        let arrays: Vec<Box<dyn ToSql + Sync>> =
            chosen.iter().map(|&at| array(table.columns[at].1, rows.iter().map(|row| &row[at]))).collect();
        let arrays: Vec<&(dyn ToSql + Sync)> = arrays.iter().map(AsRef::as_ref).collect();
        self.execute(text, &arrays)
    }
}

/// A connection as all of them are set.
fn connect(url: &str, place: &str) -> Result<Client, StoreError> {
    let mut client = Client::connect(url, NoTls).map_err(|error| said(place, &error))?;
    // All that is asked in a hurry has an index. The planner guesses that a range of keys is a two-hundredth of its table, and
    // keeps plans that it made while tables were empty: either way it would read the whole table for a few rows.
    let settings = "set client_min_messages = warning; set enable_seqscan = off";
    client.batch_execute(settings).map_err(|error| said(place, &error))?;
    Ok(client)
}

/// The values of a column.
fn array<'a>(kind: Kind, values: impl Iterator<Item = &'a Value>) -> Box<dyn ToSql + Sync> {
    match kind {
        Kind::Int => {
            Box::new(values.map(|v| if let Value::Int(n) = v { Some(*n) } else { None }).collect::<Vec<Option<i64>>>())
        }
        Kind::Real => {
            Box::new(values.map(|v| if let Value::Real(n) = v { Some(*n) } else { None }).collect::<Vec<Option<f64>>>())
        }
        Kind::Text => {
            Box::new(values.map(|v| if let Value::Text(t) = v { Some(clean(t)) } else { None }).collect::<Vec<_>>())
        }
    }
}

/// PostgreSQL's texts cannot hold the character zero.
fn clean(text: &str) -> String {
    text.replace('\0', "")
}

/// `unnest` of the arrays of columns, under the columns' names.
fn unnest(table: &Table, chosen: &[usize]) -> String {
    let kind = |kind: Kind| match kind {
        Kind::Int => "bigint",
        Kind::Real => "double precision",
        Kind::Text => "text",
    };
    let arrays: Vec<String> =
        (1..).zip(chosen).map(|(n, &at)| format!("${n}::{}[]", kind(table.columns[at].1))).collect();
    let names: Vec<&str> = chosen.iter().map(|&at| table.columns[at].0).collect();
    format!("unnest({}) as given ({})", arrays.join(", "), names.join(", "))
}

fn references(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values
        .iter()
        .map(|value| match value {
            Value::Null => &None::<i64> as &(dyn ToSql + Sync),
            Value::Int(number) => number,
            Value::Real(number) => number,
            Value::Text(text) => text,
        })
        .collect()
}

impl Database for PostgresDatabase {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.awake()?;
        self.open = true;
        self.run(&format!("begin; select pg_advisory_xact_lock({LOCK})"))
    }

    fn snapshot(&mut self) -> Result<(), StoreError> {
        self.awake()?;
        self.open = true;
        self.run("begin isolation level repeatable read read only")
    }

    fn lead(&mut self) -> Result<bool, StoreError> {
        // The lock is the session's, and counts how often it was taken.
        if !self.leads {
            let got =
                self.ask("select case when pg_try_advisory_lock(235563228) then 1::bigint else 0::bigint end", &[])?;
            self.leads = got.first().and_then(|row| row.first()) == Some(&Value::Int(1));
        }
        Ok(self.leads)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.open = false;
        self.run("commit")
    }

    fn rollback(&mut self) {
        if std::mem::take(&mut self.open) {
            // Where that fails, the connection is gone, and the transaction with it.
            let _ = self.run("rollback");
        }
    }

    fn find(&mut self, table: &'static Table, place: Place, keys: &[Value]) -> Result<Vec<Vec<Value>>, StoreError> {
        let kind = table.columns.iter().find(|(name, _)| *name == place.column).map_or(Kind::Int, |(_, kind)| *kind);
        let keys = array(kind, keys.iter());
        self.rows(&format!("{} {} = any($1){}", select(table), place.column, and(place)), &[keys.as_ref()])
    }

    fn between(&mut self, table: &'static Table, ranges: &[(i64, i64)]) -> Result<Vec<Vec<Value>>, StoreError> {
        let (from, to): (Vec<i64>, Vec<i64>) = ranges.iter().copied().unzip();
        let text = format!(
            "select {} from unnest($1::bigint[], $2::bigint[]) as given (low, high) \
             cross join lateral (select * from {} where id between low and high order by id limit high - low + 1) as found",
            names(table),
            table.name
        );
        self.rows(&text, &[&from, &to])
    }

    fn scan(
        &mut self,
        table: &'static Table,
        condition: &'static str,
        values: &[Value],
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        self.rows(&format!("{} {condition}", select(table)), &references(values))
    }

    fn ask(&mut self, statement: &'static str, values: &[Value]) -> Result<Vec<Vec<Value>>, StoreError> {
        self.rows(statement, &references(values))
    }

    fn insert(&mut self, table: &'static Table, rows: &[Vec<Value>]) -> Result<(), StoreError> {
        let all: Vec<usize> = (0..table.columns.len()).collect();
        let names = names(table);
        let text = format!("insert into {} ({names}) select {names} from {}", table.name, unnest(table, &all));
        self.with_columns(&text, table, &all, rows)
    }

    fn update(&mut self, table: &'static Table, columns: u64, rows: &[Vec<Value>]) -> Result<(), StoreError> {
        let chosen: Vec<usize> = (0..table.columns.len()).filter(|at| *at == 0 || columns >> at & 1 == 1).collect();
        let sets: Vec<String> = chosen
            .iter()
            .skip(1)
            .map(|&at| {
                let name = table.columns[at].0;
                format!("{name} = given.{name}")
            })
            .collect();
        let name = table.name;
        let text =
            format!("update {name} set {} from {} where {name}.id = given.id", sets.join(", "), unnest(table, &chosen));
        self.with_columns(&text, table, &chosen, rows)
    }

    fn delete(&mut self, table: &'static Table, keys: &[i64]) -> Result<(), StoreError> {
        self.execute(&format!("delete from {} where id = any($1)", table.name), &[&keys])
    }
}

/// A URL without the password in it.
fn without_password(url: &str) -> String {
    let scheme = url.find("://").map_or(0, |at| at + 3);
    match (url[scheme..].rfind('@'), url[scheme..].find(':')) {
        (Some(at), Some(colon)) if colon < at => format!("{}{}", &url[..scheme + colon], &url[scheme + at..]),
        _ => url.split_whitespace().filter(|word| !word.starts_with("password=")).collect::<Vec<_>>().join(" "),
    }
}

fn said(place: &str, error: &postgres::Error) -> StoreError {
    let place = place.to_owned();
    let cause = error.as_db_error().map_or_else(
        || std::error::Error::source(error).map_or_else(|| error.to_string(), |source| format!("{error}: {source}")),
        |error| error.message().to_owned(),
    );
    match error.code().map(|code| code.code()) {
        Some("40001" | "40P01" | "55P03") => StoreError::Busy { place, cause },
        Some("53100") => StoreError::Full { place },
        _ => StoreError::Database { place, cause },
    }
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn passwords_do_not_get_into_messages() {
        assert_eq!(without_password("postgres://me:secret@host:5432/pogs"), "postgres://me@host:5432/pogs");
        assert_eq!(without_password("postgres://host:5432/pogs"), "postgres://host:5432/pogs");
        assert_eq!(without_password("host=/run user=me password=secret"), "host=/run user=me");
    }
}
