//! The items of its own crate that a file uses, and those that it re-exports.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

/// The imports of a file, as paths from the crate's root.
#[derive(Debug)]
pub struct Imports {
    /// The path of the current module: the file's own, or that of a module inside it.
    here: Vec<String>,
    children: BTreeSet<String>,
    pub used: BTreeSet<Vec<String>>,
    /// `pub use`: each name, and the path that it stands for.
    pub reexports: BTreeMap<String, Vec<String>>,
}

impl Imports {
    pub fn of(text: &str, module: &[String], children: BTreeSet<String>) -> syn::Result<Self> {
        let mut imports = Self { here: module.to_owned(), children, used: BTreeSet::new(), reexports: BTreeMap::new() };
        imports.visit_file(&syn::parse_file(text)?);
        Ok(imports)
    }

    /// The path from the root; None if it belongs to another crate.
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
            self.reexports.insert(name, path);
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
            // The imported names are unknown, but the module is used.
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
        // Inside a module of this file, re-exports belong to that module.
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
