//! The mappings that come with the program.

/// Name and text of each.
pub(super) const SHIPPED: [(&str, &str); 5] = [
    ("mimic-iv", include_str!("../../mappings/mimic-iv.toml")),
    ("eicu", include_str!("../../mappings/eicu.toml")),
    ("clif", include_str!("../../mappings/clif.toml")),
    (
        "physionet-2012",
        include_str!("../../mappings/physionet-2012.toml"),
    ),
    (
        "uci-diabetes-130",
        include_str!("../../mappings/uci-diabetes-130.toml"),
    ),
];
