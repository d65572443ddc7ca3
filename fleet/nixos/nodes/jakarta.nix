# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "jakarta";
    pushTokenFile = "/etc/clavitor/environment";
    region = "ap-southeast-3";
    subdomain = "jakarta";
    tunnelAddress = "10.84.0.26";
  };
}
