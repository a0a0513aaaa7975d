//! Configuration keys as Kafka defines them: type, default, bounds, how they may change, which broker keys stand behind a
//! topic key. And the layers in which a value is found.
//!
//! ```text
//!   topic's own  >  broker's own (dynamic)  >  all brokers' (dynamic)  >  server.properties  >  default
//! ```
//!
//! *Flows in*: keys and values of requests; the image's stored values. *Flows out*: whether a value is good, with Kafka's
//! sentence if it is not; every key's value with where it comes from.
//! *Must never*: refuse a key of Kafka because the engine has no use for it; real clients set them.
//!
//! What the engine itself reads of all this are the typed settings of `klamm_node::config`; a test holds the two together.

mod broker;
mod layers;
mod topic;

pub use broker::{BROKER_KEYS, broker_key, broker_synonyms};
pub use layers::{Described, Layers, Source, Synonym};
pub use topic::{TOPIC_KEYS, WITHOUT_EFFECT, topic_conflict, topic_key};

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// 32 bits.
    Int,
    /// 16 bits.
    Short,
    /// 64 bits.
    Long,
    /// A fraction.
    Double,
    /// Texts, separated by commas; may be appended to and subtracted from.
    List,
    /// The name of a Java class.
    Class,
    /// Text that is never told.
    Password,
}

impl Kind {
    /// `ConfigType` on the wire.
    pub fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// What a value must be, beyond its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    /// Anything.
    Any,
    /// A number that is no smaller.
    AtLeast(i64),
    /// A number within both bounds.
    Between(i64, i64),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A list of these.
    EachOf(&'static [&'static str]),
    /// `*`, or a list of `partition:broker` (KIP-73).
    ThrottledReplicas,
    /// -1, or 1 to 9.
    GzipLevel,
}

/// How a broker key may be changed (KIP-226).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Update {
    /// Only by a restart.
    ReadOnly,
    /// For one broker at a time.
    PerBroker,
    /// For one broker or for all.
    ClusterWide,
}

/// A configuration key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What a value is.
    pub kind: Kind,
    /// Its default; none for null.
    pub default: Option<&'static str>,
    /// What a value must be.
    pub check: Check,
    /// How it may be changed; a topic's key always may.
    pub update: Update,
    /// Topic keys: the broker keys behind it, and what one of their units is in units of the key. The first that is set
    /// counts.
    pub behind: &'static [(&'static str, i64)],
    /// What it does.
    pub doc: &'static str,
}

impl Key {
    /// Whether a value is good.
    ///
    /// # Errors
    /// Kafka's sentence about what is wrong with it.
    pub fn check(&self, value: &str) -> Result<(), String> {
        let value = value.trim();
        let wrong = |why: &str| {
            Err(format!("Invalid value {value} for configuration {}: {why}", self.name))
        };
        let number = match self.kind {
            Kind::Boolean => {
                return if value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
                {
                    Ok(())
                } else {
                    wrong("Expected value to be either true or false")
                };
            }
            Kind::Int => value.parse::<i32>().ok().map(i64::from),
            Kind::Short => value.parse::<i16>().ok().map(i64::from),
            Kind::Long => value.parse::<i64>().ok(),
            Kind::Double => return self.check_double(value).or_else(|why| wrong(&why)),
            Kind::String | Kind::List | Kind::Class | Kind::Password => {
                return self.check_text(value).or_else(|why| wrong(&why));
            }
        };
        let Some(number) = number else {
            return wrong(&format!("Not a number of type {}", self.kind.name()));
        };
        match self.check {
            Check::AtLeast(least) | Check::Between(least, _) if number < least => {
                wrong(&format!("Value must be at least {least}"))
            }
            Check::Between(_, most) if number > most => {
                wrong(&format!("Value must be no more than {most}"))
            }
            Check::GzipLevel if number != -1 && !(1..=9).contains(&number) => {
                wrong("Value must be between 1 and 9 or equal to -1")
            }
            Check::Any
            | Check::AtLeast(_)
            | Check::Between(..)
            | Check::OneOf(_)
            | Check::EachOf(_)
            | Check::ThrottledReplicas
            | Check::GzipLevel => Ok(()),
        }
    }

    fn check_double(&self, value: &str) -> Result<(), String> {
        let Ok(number) = value.parse::<f64>() else {
            return Err("Not a number of type DOUBLE".to_owned());
        };
        match self.check {
            Check::AtLeast(least) | Check::Between(least, _) if number < whole(least) => {
                Err(format!("Value must be at least {least}"))
            }
            Check::Between(_, most) if number > whole(most) => {
                Err(format!("Value must be no more than {most}"))
            }
            Check::Any
            | Check::AtLeast(_)
            | Check::Between(..)
            | Check::OneOf(_)
            | Check::EachOf(_)
            | Check::ThrottledReplicas
            | Check::GzipLevel => Ok(()),
        }
    }

    fn check_text(&self, value: &str) -> Result<(), String> {
        match self.check {
            Check::OneOf(known) if !known.contains(&value) => {
                Err(format!("String must be one of: {}", known.join(", ")))
            }
            Check::EachOf(known) if !parts(value).all(|part| known.contains(&part)) => {
                Err(format!("String must be one of: {}", known.join(", ")))
            }
            Check::ThrottledReplicas if !is_throttled_replicas(value) => Err(format!(
                "{} must be the literal '*' or a list of replicas in the following format: \
                 [partitionId]:[brokerId],[partitionId]:[brokerId],...",
                self.name
            )),
            Check::Any
            | Check::AtLeast(_)
            | Check::Between(..)
            | Check::OneOf(_)
            | Check::EachOf(_)
            | Check::ThrottledReplicas
            | Check::GzipLevel => Ok(()),
        }
    }

    /// Whether its values are never told.
    pub fn is_sensitive(&self) -> bool {
        self.kind == Kind::Password
    }
}

/// A bound of the table as a fraction; bounds are small.
#[expect(clippy::cast_precision_loss, reason = "the bounds of fractions are 0 and 1")]
fn whole(bound: i64) -> f64 {
    bound as f64
}

/// The elements of a list; blanks around them and empty ones don't count.
pub fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn is_throttled_replicas(value: &str) -> bool {
    let pair = |part: &str| {
        part.split_once(':').is_some_and(|(partition, broker)| {
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            digits(partition) && digits(broker)
        })
    };
    value == "*" || parts(value).all(pair)
}

#[cfg(test)]
mod tests;
