//! Rows as structures and as values: what one says of its columns once serves both databases.

use super::StoreError;

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number; truth is 0 or 1.
    Int(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers.
    Int,
    /// Numbers.
    Real,
    /// Texts.
    Text,
}

/// A table: its name and columns, the first of which is the key `id`.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Name.
    pub name: &'static str,
    /// Names of columns and what they hold.
    pub columns: &'static [(&'static str, Kind)],
}

/// A row of a table.
pub trait Row: Sized {
    /// The table.
    const TABLE: &'static Table;

    /// The values of all columns, in their order.
    fn values(&self) -> Vec<Value>;

    /// The row of the values of all columns.
    ///
    /// # Errors
    /// [`StoreError::Column`]: a value that the column cannot have.
    fn of(values: Vec<Value>) -> Result<Self, StoreError>;

    /// The key.
    fn id(&self) -> i64;
}

/// A type that a column can have.
pub trait Field: Sized {
    /// What the column holds.
    const KIND: Kind;

    /// As a value.
    fn value(&self) -> Value;

    /// Of a value; none where it cannot be one.
    fn of(value: Value) -> Option<Self>;
}

impl Field for i64 {
    const KIND: Kind = Kind::Int;

    fn value(&self) -> Value {
        Value::Int(*self)
    }

    fn of(value: Value) -> Option<i64> {
        if let Value::Int(number) = value { Some(number) } else { None }
    }
}

impl Field for Option<i64> {
    const KIND: Kind = Kind::Int;

    fn value(&self) -> Value {
        self.map_or(Value::Null, Value::Int)
    }

    fn of(value: Value) -> Option<Option<i64>> {
        match value {
            Value::Null => Some(None),
            Value::Int(number) => Some(Some(number)),
            _ => None,
        }
    }
}

impl Field for bool {
    const KIND: Kind = Kind::Int;

    fn value(&self) -> Value {
        Value::Int(i64::from(*self))
    }

    fn of(value: Value) -> Option<bool> {
        if let Value::Int(number) = value { Some(number != 0) } else { None }
    }
}

impl Field for f64 {
    const KIND: Kind = Kind::Real;

    fn value(&self) -> Value {
        Value::Real(*self)
    }

    fn of(value: Value) -> Option<f64> {
        match value {
            Value::Real(number) => Some(number),
            Value::Int(number) => Some(number as f64),
            _ => None,
        }
    }
}

impl Field for String {
    const KIND: Kind = Kind::Text;

    fn value(&self) -> Value {
        Value::Text(self.clone())
    }

    fn of(value: Value) -> Option<String> {
        if let Value::Text(text) = value { Some(text) } else { None }
    }
}

/// A structure that is a row of a table; its fields are the columns.
macro_rules! row {
    ($(#[$doc:meta])* $name:ident in $table:literal { $($(#[$about:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct $name {
            $($(#[$about])* pub $field: $kind,)*
        }

        impl $crate::store::Row for $name {
            const TABLE: &'static $crate::store::Table = &$crate::store::Table {
                name: $table,
                columns: &[$((stringify!($field), <$kind as $crate::store::Field>::KIND),)*],
            };

            fn values(&self) -> Vec<$crate::store::Value> {
                vec![$($crate::store::Field::value(&self.$field),)*]
            }

            fn of(values: Vec<$crate::store::Value>) -> Result<Self, $crate::store::StoreError> {
                let mut values = values.into_iter();
                Ok($name {
                    $($field: values.next().and_then($crate::store::Field::of).ok_or(
                        $crate::store::StoreError::Column { table: $table, column: stringify!($field) },
                    )?,)*
                })
            }

            fn id(&self) -> i64 {
                self.id
            }
        }
    };
}
pub(super) use row;
