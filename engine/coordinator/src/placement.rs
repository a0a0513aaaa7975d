//! Which partition of `__consumer_offsets` a group belongs to.

/// The topic of groups and committed offsets.
pub const GROUP_TOPIC: &str = "__consumer_offsets";

/// The partition of a group: Java's `String.hashCode`, made positive, modulo the number of partitions. Every Kafka client and
/// tool may rely on it, and a group's records would be lost if it changed.
pub fn partition_of(group: &str, partitions: i32) -> i32 {
    let hash = group
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // Java's `abs` leaves the smallest number negative; Kafka's maps it to 0.
    let positive = hash.checked_abs().unwrap_or(0);
    positive.checked_rem(partitions).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_javas() {
        // Hash codes by hand: "" 0, "a" 97, "ab" 97 * 31 + 98; a letter beyond the first plane counts as two units.
        assert_eq!(partition_of("", 50), 0);
        assert_eq!(partition_of("a", 50), 47);
        assert_eq!(partition_of("ab", 50), (97 * 31 + 98) % 50);
        assert_eq!(partition_of("\u{1F600}", 50), (0xD83D * 31 + 0xDE00) % 50);
        // A string with the smallest hash code there is: -2147483648.
        assert_eq!(partition_of("polygenelubricants", 50), 0);
        assert_eq!(partition_of("group", 0), 0, "before the topic is there");
    }
}
