//! What a file names of its own crate: what it uses, and what it hands on to those that use it.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

/// The names of a file, as paths from the crate's root.
#[derive(Debug)]
pub struct Imports {
    /// The file's own path, and below it that of a module within it.
    here: Vec<String>,
    children: BTreeSet<String>,
    pub used: BTreeSet<Vec<String>>,
    /// `pub use`: a name, and what it stands for.
    pub handed_on: BTreeMap<String, Vec<String>>,
}

impl Imports {
    pub fn of(text: &str, module: &[String], children: BTreeSet<String>) -> syn::Result<Self> {
        let mut imports = Self { here: module.to_owned(), children, used: BTreeSet::new(), handed_on: BTreeMap::new() };
        imports.visit_file(&syn::parse_file(text)?);
        Ok(imports)
    }

    /// A path from the root; none of another crate's.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let mut here = self.here.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                here.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    here.pop();
                    rest = &rest[1..];
                }
            }
            name if self.children.contains(name) => {}
            _ => return None,
        }
        here.extend(rest.iter().cloned());
        Some(here)
    }

    fn import(&mut self, path: Vec<String>, name: String, public: bool) {
        let Some(path) = self.absolute(&path) else { return };
        if public {
            self.handed_on.insert(name, path);
        } else {
            self.used.insert(path);
        }
    }

    fn tree(&mut self, tree: &UseTree, mut path: Vec<String>, public: bool) {
        match tree {
            UseTree::Path(inner) => {
                path.push(inner.ident.to_string());
                self.tree(&inner.tree, path, public);
            }
            UseTree::Name(leaf) => {
                let name = leaf.ident.to_string();
                if name != "self" || path.is_empty() {
                    path.push(name.clone());
                }
                self.import(path, name, public);
            }
            UseTree::Rename(leaf) => {
                if leaf.ident != "self" || path.is_empty() {
                    path.push(leaf.ident.to_string());
                }
                self.import(path, leaf.rename.to_string(), public);
            }
            // What it brings in is not known by name; it is at least the module.
            UseTree::Glob(_) => self.import(path, "*".to_owned(), false),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree, path.clone(), public)),
        }
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !attributes.iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // Within a module of this file, what it hands on is that module's.
        let public = !matches!(item.vis, Visibility::Inherited);
        self.tree(&item.tree, Vec::new(), public);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.content.is_some() {
            self.here.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.here.pop();
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1
            && path.leading_colon.is_none()
            && let Some(path) = self.absolute(&names)
        {
            self.used.insert(path);
        }
        visit::visit_path(self, path);
    }
}

/// `#[cfg(test)]`
fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
}
