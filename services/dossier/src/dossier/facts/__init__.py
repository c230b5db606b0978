"""Where facts come from: what people declare, sources answer and case workers interpret."""
